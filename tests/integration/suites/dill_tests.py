# One file of dill's own tests: `dill_tests.py TESTS/test_x.py`, a script for `snapcli save`. A child process runs it
# with plain dill, then this process runs it with dill.dumps and dump (and so dill.copy, pickles and other callers)
# replaced by snapcli's. Tests that pass in the child must pass here.
#
# The tests must run as `__main__`, as dill's runner does it. So this file is loaded as a module, and `__main__` is
# emptied before the tests run in it. `--plain` is the child.
import ast
import contextlib
import io
import json
import os
import subprocess
import sys

# Tests that may fail with snapcli, and why.
EXCEPTIONS = {
    "test_logger.py": {
        "test_logging(should_trace=True)": "reads the trace of dill's pickler, which does not see what snapcli writes itself",
        "stream_trace = test_logging(should_trace=True)": "reads the trace of dill's pickler, as the one above",
        "test_trace_to_file(stream_trace)": "compares two traces, and there is none",
    },
}

# Tests that sometimes fail with plain dill too, on a busy machine: they are ignored.
RACES = {
    "test_threads.py": {
        "test_run_thread()": "a thread with nothing to do may end between the copy and the question whether it runs",
    },
}

results = {}


@contextlib.contextmanager
def test(name):
    """Records the result of a test; a failure does not stop the next test."""
    results.setdefault(name, None)
    try:
        yield
    except BaseException as error:
        results[name] = f"{type(error).__name__}: {error}"


class Recorded(ast.NodeTransformer):
    """Wraps each call of a test, anywhere in `if __name__ == '__main__'`, in `with test(name)`."""

    def __init__(self):
        self.called = set()

    def wrapped(self, node):
        call = node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id.startswith("test")):
            return node
        self.called.add(call.func.id)
        place = "with __import__('sys').modules['dill_tests'].test({!r}): pass"
        block = ast.parse(place.format(ast.unparse(node))).body[0]
        block.body = [node]
        return ast.fix_missing_locations(ast.copy_location(block, node))

    visit_Expr = visit_Assign = wrapped

    def visit_FunctionDef(self, node):
        return node


def tests_of(path):
    """The code of a file that records each test it calls, and also runs the tests that it does not call."""
    with open(path) as file:
        tree = ast.parse(file.read(), path)
    recorded = Recorded()
    tree = recorded.visit(tree)
    for node in list(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and node.name not in recorded.called:
            required = len(node.args.args) - len(node.args.defaults)
            if required == 0 and not node.decorator_list:
                call = ast.parse(f"{node.name}()").body[0]
                tree.body.append(recorded.visit(ast.fix_missing_locations(call)))
    return compile(tree, path, "exec")


def run(path):
    """Runs a file of tests as `__main__`; its module-level code is the test called `file`."""
    code = tests_of(path)
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if not name.startswith("__")]:
        del main[name]
    main["__file__"] = path
    sys.argv = [path]
    sys.path[0] = os.path.dirname(path)
    with test("file"):
        exec(code, main)
    return results


def use_snapcli():
    import dill
    import snapcli

    def dumps(obj, protocol=None, byref=None, fmode=None, recurse=None, **options):
        protocol = 5 if protocol is None else protocol
        # As snapcli does itself, but through dill.dumps, which is replaced here.
        if protocol != 5 or options:
            file = io.BytesIO()
            dill.Pickler(file, protocol, byref=byref, fmode=fmode, recurse=recurse, **options).dump(obj)
            return file.getvalue()
        count[0] += 1
        return snapcli.dumps(obj, protocol, byref, fmode, recurse)

    def dump(obj, file, protocol=None, byref=None, fmode=None, recurse=None, **options):
        file.write(dumps(obj, protocol, byref, fmode, recurse, **options))

    count = [0]
    ours = {dill.dumps: dumps, dill.dump: dump}
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "dill"]:
        for name, value in list(vars(module).items()):
            if type(value) is type(dumps) and value in ours:
                setattr(module, name, ours[value])
    return count


def main(path, plain=False):
    path = os.path.abspath(path)
    # The tests and their child processes print, but only the answer may go to standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if plain:
        print(json.dumps(run(path)), file=answers, flush=True)
        return
    child = subprocess.run([sys.executable, __file__, path, "--plain"], stdout=subprocess.PIPE, text=True)
    expected = json.loads(child.stdout)
    count = use_snapcli()
    seen = run(path)
    races = RACES.get(os.path.basename(path), {})
    passes = [name for name in expected if expected[name] is None and name not in races]
    allowed = EXCEPTIONS.get(os.path.basename(path), {})
    failed = {name: seen.get(name, "was not run") for name in passes if seen.get(name, "was not run") is not None}
    bad = [f"{name}: {failed[name]}" for name in failed if name not in allowed]
    # An exception that is no longer needed must be removed.
    bad += [f"{name}: passes, but is listed as an exception" for name in allowed if name in passes and name not in failed]
    excused = len([name for name in failed if name in allowed])
    not_dills = [name for name in expected if expected[name] is not None and name not in races]
    answer = {"passed": len(passes) - len(failed), "bad": bad, "excused": excused, "not_dills": not_dills}
    print(json.dumps({**answer, "pickles": count[0]}), file=answers, flush=True)


if __name__ == "__main__":
    import dill_tests as _dill_tests

    _dill_tests.main(*_dill_tests.sys.argv[1:2], plain="--plain" in _dill_tests.sys.argv)
