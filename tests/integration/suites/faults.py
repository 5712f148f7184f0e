# A session (faults_session.py) in which the K-th call of a fuse fails: `faults.py K persistent|once`, a script for
# `snapcli save`; `faults.py 0 all` saves one for each K by itself, if snapcli.save exists. After the save it prints, as
# JSON, how many calls there were and which fuse failed.
import sys as _sys

with open("faults_session.py") as _file:
    exec(compile(_file.read(), "faults_session.py", "exec"))


def _answer(file, mode):
    import json

    print(json.dumps({"file": file, "mode": mode, "calls": fuses.calls, "broken": fuses.broken}), flush=True)


def _all():
    import snapcli

    fuses.begin(0, False)
    snapcli.save("0.pkl", sync=False, whole=True)
    for at in range(1, fuses.calls + 1):
        for mode in ("persistent", "once"):
            fuses.begin(at, mode == "once")
            file = f"{at}-{mode}.pkl"
            snapcli.save(file, sync=False, whole=True)
            _answer(file, mode)


if _sys.argv[2] == "all":
    _all()
else:
    import atexit as _atexit

    fuses.begin(int(_sys.argv[1]), _sys.argv[2] == "once")
    _atexit.register(_answer, f"{_sys.argv[1]}-{_sys.argv[2]}.pkl", _sys.argv[2])
