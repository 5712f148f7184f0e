"""Starts the prompt of IPython in `__main__`, for `snapcli restore --ipython`."""

import sys

from IPython.terminal.ipapp import TerminalIPythonApp


def run():
    class App(TerminalIPythonApp):
        def init_shell(self):
            # IPython would make a module of its own. The restored functions look up names in this one.
            self.shell = self.interactive_shell_class.instance(
                parent=self, profile_dir=self.profile_dir, ipython_dir=self.ipython_dir,
                user_module=sys.modules["__main__"],
            )
            self.shell.configurables.append(self)

        def init_extensions(self):
            super().init_extensions()
            self.shell.extension_manager.load_extension("snapcli")

    App.launch_instance(argv=[])
