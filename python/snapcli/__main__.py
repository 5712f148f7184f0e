"""The program `snapcli`, as `python -m snapcli`.

Python also runs this file by its path: where the program has started Python, and its engine could not be preloaded.
"""

import os
import sys


def _run_engine() -> int:
    """Load the engine beside this file, whose package may not be in `sys.path`, and run the program in this process."""
    import importlib.machinery
    import importlib.util

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_engine.abi3.so")
    loader = importlib.machinery.ExtensionFileLoader("_engine", path)
    spec = importlib.machinery.ModuleSpec("_engine", loader, origin=path)
    engine = importlib.util.module_from_spec(spec)
    loader.exec_module(engine)
    # As under `-c`. Python has put the folder of this file there.
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = ""
    # A wrapper may add options, which only this process has.
    has_options = len(sys.orig_argv) != 1 + len(sys.argv)
    return engine._run(["snapcli", *sys.argv[1:]], has_options)


def _exec_program() -> int:
    """Replace this process with the program, which runs scripts in this Python."""
    if sys.argv[1:2] == ["run"]:
        # A request for a checkpoint waits until the run has a handler for it. It would end this process.
        import signal

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    from snapcli._program import find_program

    try:
        program = find_program()
        if sys.executable:
            os.environ["_SNAPCLI_MODULE_PYTHON"] = sys.executable
        os.execv(program, ["snapcli", *sys.argv[1:]])
    except OSError as error:
        print(f"snapcli: cannot start the program: {error}", file=sys.stderr)
    return 6


if __name__ == "__main__":
    # `-m` sets `__spec__`.
    sys.exit(_run_engine() if __spec__ is None else _exec_program())
