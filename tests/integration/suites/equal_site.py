# The `sitecustomize.py` of a script that is saved: when Python ends, after the save, it has the session described.
# The report exists only in the process that saves, and only once it has saved.
import atexit


def describe_session(main=__import__("sys").modules["__main__"]):
    import os

    folder = os.environ.get("EQUAL_WALK")
    if folder and os.path.exists(f"{folder}/report.json") and not os.path.exists(f"{folder}/before.json"):
        import sys

        sys.path.append(folder)
        import equal_walk

        equal_walk.record(vars(main), f"{folder}/report.json", f"{folder}/before.json")


atexit.register(describe_session)
