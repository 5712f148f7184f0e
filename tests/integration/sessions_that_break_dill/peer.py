"""Runs the rows of the table under plain Python and dill: each row in its own process, forked from one that has imported
dill, so that a row takes milliseconds. Reads and writes JSON; see peer.rs."""

import json
import os
import signal
import sys
import traceback

import dill

SECONDS = 20


def forked(function, *arguments):
    """Calls a function in a child and returns its answer, or what the child died of."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            answer = function(*arguments)
        except BaseException as error:
            answer = {"raised": type(error).__name__, "text": traceback.format_exc()}
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(answer) if answer else {"raised": f"status {status}", "text": ""}


def new_main(folder):
    """An empty __main__, the one that dill knows, and a folder to work in."""
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if not name.startswith("__")]:
        del main[name]
    os.chdir(folder)
    sys.path[0] = folder
    return main


def too_long(number, frame):
    raise TimeoutError("never ends")


def check(code, main):
    """What a check gives; one that waits for a lock for ever is stopped."""
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(2)
    try:
        return repr(bool(eval(code, main)))
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def script(row, folder):
    """Runs the script of a row, and dumps it with dill."""
    main = new_main(folder)
    exec(compile(row["script"], row["name"], "exec"), main)
    names = [name for name in main if not name.startswith("_")]
    before = forked(check, row["check"], main)
    if not row["dill"]:
        return {"names": names, "before": before, "dill": "not asked"}
    try:
        dill.dump_module("dill.pkl")
        failure = ""
    except BaseException as error:
        failure = f"dump fails: {type(error).__name__}"
    return {"names": names, "before": before, "dill": failure}


def load(path, codes, folder):
    """Loads a file with dill and evaluates the checks of the rows that are in it."""
    main = new_main(folder)
    try:
        dill.load_module(path)
    except BaseException as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    return {name: check(code, main) for name, code in codes.items()}


def row_facts(row):
    folder = os.path.join(os.getcwd(), row["name"])
    os.mkdir(folder)
    for name, text in row["files"]:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    facts = forked(script, row, folder)
    if "raised" in facts:
        return {"names": [], "before": facts["text"], "dill": ""}
    if not facts["dill"]:
        forked(lambda: exec(row["between"], new_main(folder)))
        loaded = forked(load, "dill.pkl", {"check": row["check"]}, folder)
        if "raised" in loaded:
            facts["dill"] = "load fails: " + loaded["raised"].split(":")[0]
        else:
            facts["dill"] = "fine" if loaded["check"] == "True" else "wrong"
    return facts


def main():
    sys.dont_write_bytecode = True
    asked = json.load(sys.stdin)
    answer = {row["name"]: row_facts(row) for row in asked.get("rows", ())}
    for file in asked.get("files", ()):
        answer[file["path"]] = forked(load, file["path"], file["checks"], file["folder"])
    print(json.dumps(answer))
