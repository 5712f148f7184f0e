"""Writes honest files with the libraries of this Python: `make.py FOLDER LIBRARY…`.

For each value of `values_LIBRARY.py`, one file by each of the writers that can pickle it:
`FOLDER/LIBRARY/VALUE.WRITER.pkl`. And one script for `snapcli save`, which leaves all values as variables.
"""

import importlib
import io
import pathlib
import pickle
import runpy
import sys
import types
import warnings

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = "import runpy\nglobals().update(runpy.run_path({path!r}, run_name='__main__')['VALUES'])\ndel runpy\n"


def by_session(value):
    """`dill.dump_module` of a session with one variable."""
    import dill

    main, session = sys.modules["__main__"], types.ModuleType("__main__")
    session.value = value
    # The variables of the writer itself are not part of the session.
    sys.modules["__main__"] = session
    try:
        file = io.BytesIO()
        dill.dump_module(file, session)
        return file.getvalue()
    finally:
        sys.modules["__main__"] = main


def by_joblib(value):
    file = io.BytesIO()
    importlib.import_module("joblib").dump(value, file)
    return file.getvalue()


WRITERS = {f"pickle{protocol}": lambda value, protocol=protocol: pickle.dumps(value, protocol) for protocol in range(6)}
# dill is the last: it changes the pickler of the standard library that joblib uses.
WRITERS |= {
    "joblib": by_joblib,
    "cloudpickle": lambda value: importlib.import_module("cloudpickle").dumps(value),
    "dill": lambda value: importlib.import_module("dill").dumps(value),
    "dill-session": by_session,
}
# Of scikit-learn there are so many values that not all writers write them.
SOME = {"sklearn": ("pickle0", "pickle2", "pickle5", "joblib", "dill-session")}


def write(folder, library):
    source = HERE / f"values_{library}.py"
    values = runpy.run_path(str(source), run_name="__main__")["VALUES"]
    folder = folder / library
    folder.mkdir(parents=True)
    for writer in SOME.get(library, WRITERS):
        dump = WRITERS[writer]
        for name, value in values.items():
            try:
                file = dump(value)
            except Exception:
                continue  # Not every writer can write every value.
            (folder / f"{name}.{writer}.pkl").write_bytes(file)
    (folder / "session.py").write_text(SCRIPT.format(path=str(source)))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for library in sys.argv[2:]:
        write(pathlib.Path(sys.argv[1]), library)
