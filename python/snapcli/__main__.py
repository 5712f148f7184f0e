"""The program `snapcli`, as `python -m snapcli`.

Python also runs this file where the program has started it and the engine could not be preloaded.
"""


def _run_engine() -> int:
    """Load the engine beside this file, whose package may not be in `sys.path`, and run the program in this process."""
    import importlib.machinery
    import importlib.util
    import os
    import sys

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_engine.abi3.so")
    loader = importlib.machinery.ExtensionFileLoader("_engine", path)
    spec = importlib.util.spec_from_file_location("_engine", path, loader=loader)
    engine = importlib.util.module_from_spec(spec)
    loader.exec_module(engine)
    return engine._run(sys.orig_argv)


def _exec_program() -> int:
    """Replace this process with the program, which runs scripts in this Python."""
    import os
    import sys

    from snapcli._program import find_program

    program = find_program()
    os.environ["_SNAPCLI_MODULE_PYTHON"] = sys.executable
    os.execv(program, ["snapcli", *sys.argv[1:]])


if __name__ == "__main__":
    import os
    import sys

    sys.exit(_run_engine() if "_SNAPCLI_HANDED_OVER" in os.environ else _exec_program())
