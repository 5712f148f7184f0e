"""The child processes of compare.py. Each starts as `python -c "__import__('worker').run()" TASK …`, so that
`__main__` holds nothing but what the session puts there.

reference SESSION OUT           runs the script and evaluates all checks
dump SESSION OUT PEER FOLDER NAME…   runs the script and pickles each value to a file of its own
load SESSION OUT PEER FOLDER NAME…   loads each value in a process of its own and evaluates its check
check SESSION OUT               evaluates all checks; called by `snapcli restore`

OUT gets one line of JSON for each value, at once: a later value may end the process. It holds the name and either the
`repr` of the result or an error.
"""

import ast
import builtins
import importlib
import json
import os
import signal
import sys
import warnings

import __main__

# The longest that loading and checking one value may take.
SECONDS = 30


class Session:
    """A script, its checks, and the imports that the checks may use."""

    def __init__(self, path):
        self.path = path
        with open(path) as file:
            self.source = file.read()
        body = ast.parse(self.source, path).body
        self.checks = next(ast.literal_eval(node.value) for node in body if is_checks(node))
        self.imports = {alias.asname or alias.name.split(".")[0]: (node, alias) for node in body
                        if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}

    def modules_of(self, name):
        """The imports that a check uses. A check may use nothing else but its own value: the peers load only that."""
        tree = ast.parse(self.checks[name], mode="eval")
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        bound = {node.id for node in names if isinstance(node.ctx, ast.Store)} | {name}
        bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        used = {node.id for node in names} - bound
        strange = {one for one in used if one not in self.imports and not hasattr(builtins, one)}
        if name not in {node.id for node in names} or strange:
            raise SyntaxError(f"{self.path}: the check of {name} must use {name}, imports, and no other variable")
        return used & set(self.imports)

    def run(self):
        """Runs the script as `python SCRIPT` does."""
        sys.argv = [self.path]
        sys.path.insert(0, os.path.dirname(self.path))
        __main__.__file__ = self.path
        exec(compile(self.source, self.path, "exec"), vars(__main__))

    def evaluate(self, name):
        """The `repr` of the result of a check. Its imports come from the script, unless the session has them."""
        space = vars(__main__)
        for used in self.modules_of(name):
            if used not in space:
                node, alias = self.imports[used]
                names = [ast.alias(alias.name, alias.asname)]
                again = ast.Import(names) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, names, 0)
                exec(compile(ast.fix_missing_locations(ast.Module([again], [])), "<import>", "exec"), space)
        if name not in space:
            raise NameError("absent")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return repr(eval(compile(self.checks[name], f"<check of {name}>", "eval"), space))


def is_checks(node):
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "CHECKS"


class Answers:
    """The file of results."""

    def __init__(self, path):
        self.file = open(path, "a")

    def attempt(self, name, work):
        try:
            answer = {"result": work()}
        except BaseException as error:
            first = (str(error).splitlines() or [""])[0]
            answer = {"error": f"{type(error).__name__}: {first}"[:300]}
        self.write(name, answer)

    def write(self, name, answer):
        self.file.write(json.dumps({"name": name} | answer) + "\n")
        self.file.flush()


def reference(session, answers):
    try:
        session.run()
    except ImportError as error:
        answers.attempt("", lambda: str(error))
        return
    for name in session.checks:
        answers.attempt(name, lambda: session.evaluate(name))


def dump(session, answers, peer, folder, *names):
    session.run()
    pickler = importlib.import_module(peer)
    for name in names:
        answers.attempt(name, lambda: dump_one(pickler, os.path.join(folder, name), vars(__main__)[name]))


def dump_one(pickler, path, value):
    data = pickler.dumps(value)
    with open(path, "wb") as file:
        file.write(data)


def load(session, answers, peer, folder, *names):
    for name in names:
        # This process has imported no library and has no threads, so that a fork of it is as good as a new one.
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            answers.attempt(name, lambda: load_one(session, peer, os.path.join(folder, name), name))
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            slow = number == signal.SIGALRM
            why = f"takes longer than {SECONDS} seconds" if slow else f"ended by {signal.Signals(number).name}"
            answers.write(name, {"error": f"loads: {why}"})


def load_one(session, peer, path, name):
    pickler = importlib.import_module(peer)
    with open(path, "rb") as file:
        vars(__main__)[name] = pickler.loads(file.read())
    return session.evaluate(name)


def check(session, answers):
    for name in session.checks:
        answers.attempt(name, lambda: session.evaluate(name))


def run():
    task, session, answers, *words = sys.argv[1:]
    tasks = {"reference": reference, "dump": dump, "load": load, "check": check}
    tasks[task](Session(session), Answers(answers), *words)
    sys.stdout.flush()
    # Some libraries hang or crash at the exit.
    os._exit(0)
