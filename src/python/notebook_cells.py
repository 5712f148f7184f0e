"""Runs the code cells of a notebook in the namespace of `__main__`. `notebook.rs` calls `unusable` and then `run`.

A cell is a tuple: the name that its code gives as its file, the source, and whether an exception in it is ignored.
IPython runs the cells if it is installed. Without it, they must be plain Python, which may use `await` and `display`.
"""

import ast
import builtins
import codeop
import linecache
import sys


def unusable(cells):
    """Return where and why a cell cannot run without IPython, or None."""
    if has_ipython():
        return None
    for name, source, _ in cells:
        try:
            compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
        except SyntaxError:
            for number, line in enumerate(source.splitlines(), 1):
                text = line.strip()
                if text.startswith(("%", "!", "?")) or text.endswith("?"):
                    return f"{name.strip('<>')}, line {number} ({text[:60]})"
        except ValueError:
            pass  # A NUL byte: running the cell raises the same error.
    return None


def has_ipython():
    try:
        import IPython.core.interactiveshell
    except ImportError:
        return False
    return True


def run(cells, main):
    """Run the cells. Return the exception that ended them, whose traceback begins in a cell, or None."""
    if sys.version_info < (3, 13) and sys.excepthook is sys.__excepthook__:
        # The hook in C does not ask linecache for the lines of a cell.
        sys.excepthook = print_exception
    run_cell = ipython_runner(main) if has_ipython() else plain_runner(main)
    for name, source, may_fail in cells:
        error = run_cell(name, source)
        if error is not None and not (may_fail and isinstance(error, Exception)):
            return error
    return None


def print_exception(kind, error, traceback):
    from traceback import print_exception

    print_exception(kind, error, traceback)


def plain_runner(main):
    """Return a function that runs a cell as Python code."""
    compiler, loop = codeop.Compile(), None
    # Cells share their `from __future__` imports, as in a kernel.
    compiler.flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    if not hasattr(builtins, "display"):
        builtins.display = display

    def run_cell(name, source):
        nonlocal loop
        linecache.cache[name] = (len(source), None, [line + "\n" for line in source.splitlines()], name)
        try:
            code = compiler(source, name, "exec")
        except (SyntaxError, ValueError, OverflowError) as error:
            return error.with_traceback(None)
        try:
            pending = eval(code, main.__dict__)
            if code.co_flags & 0x80:  # CO_COROUTINE: the cell uses `await`.
                if loop is None:
                    import asyncio

                    loop = asyncio.new_event_loop()
                loop.run_until_complete(pending)
        except BaseException as error:
            return error.with_traceback(below(error.__traceback__, name))
        return None

    return run_cell


def display(*objects, **_):
    """Print objects, as IPython does where it can only print."""
    for item in objects:
        print(repr(item))


def ipython_runner(main):
    """Return a function that runs a cell as a kernel does, but prints no result of a last expression."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    class QuietDisplayHook(DisplayHook):
        """Keeps results in `_` and `Out`, and prints nothing."""

        def write_output_prompt(self):
            pass

        def compute_format_data(self, result):
            return {}, {}

    class NotebookShell(InteractiveShell):
        displayhook_class = Type(QuietDisplayHook)
        cell_name = ""

        async def run_code(self, code_obj, result=None, *, async_=False):
            # IPython's own prints the traceback, and a warning after SystemExit.
            try:
                if async_:
                    await eval(code_obj, self.user_global_ns, self.user_ns)
                else:
                    exec(code_obj, self.user_global_ns, self.user_ns)
            except BaseException as error:
                if result is not None:
                    result.error_in_exec = error
                return True
            return False

        def showsyntaxerror(self, *arguments, **options):
            pass

        def showtraceback(self, exc_tuple=None, *arguments, **options):
            # With a tuple, it is an error that also ends the notebook.
            if exc_tuple is None:
                super().showtraceback(exc_tuple, *arguments, **options)

        def ask_exit(self):
            raise SystemExit(0)

    # The history of the user's prompts has nothing to do with a notebook.
    config = Config({"HistoryManager": {"enabled": False}})
    shell = NotebookShell.instance(user_module=main, config=config)
    # The name of each cell, in place of one with a number and a hash.
    own_name = shell.compile.get_code_name
    shell.compile.get_code_name = lambda *arguments: shell.cell_name or own_name(*arguments)

    def run_cell(name, source):
        shell.cell_name = name
        result = shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        return error and error.with_traceback(below(error.__traceback__, name))

    return run_cell


def below(traceback, name):
    """Return the part of a traceback that begins in a cell."""
    found = traceback
    while found is not None and found.tb_frame.f_code.co_filename != name:
        found = found.tb_next
    return found
