"""Compares what snapcli, cloudpickle and dill bring back of sessions with the values of many libraries.

Started by `cargo bench --bench ecosystem`, or by hand, with the Python that has the libraries:

    python benches/ecosystem/compare.py --snapcli target/debug/snapcli [--jobs N] [LIBRARY…]

Each session (`sessions/session_LIBRARY.py`) ends with CHECKS: for each value an expression of its content. The result
in the script's own process, run twice to be sure that it is always the same, is compared with the result

- after `snapcli save` of the script and `snapcli restore` of the file, for all values together;
- after `dumps` and `loads` of each value on its own by the peers, in fresh processes.

Prints a table, each value that some of them does not bring back, and the totals. Exits with 1 if a session itself is
broken; the figures do not matter.
"""

import argparse
import concurrent.futures
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

import worker

HERE = pathlib.Path(__file__).resolve().parent
SESSIONS = HERE / "sessions"
PREFIX = "session_"
PEERS = ("cloudpickle", "dill")

# Seconds that one process may take.
TIMEOUT = 180

# Variables that would change what Python or snapcli does.
SETTINGS = re.compile("PYTHON|SNAPCLI_|VIRTUAL_ENV|CONDA_|PYENV_VERSION|LD_|DYLD_|XDG_")

# One line for each name that `snapcli restore` does not bring back.
NOT_RESTORED = re.compile(r"^snapcli: cannot restore (\w+)(?: \(.*?\))?: (.*)$", re.MULTILINE)


class Broken(Exception):
    """A session that does not do what a session must do."""


class Skipped(Exception):
    """A session whose libraries are not installed."""


class Place:
    """The working directory of one session, and the processes in it."""

    def __init__(self, options, home, folder, path):
        self.options, self.folder, self.path = options, folder, str(path)
        self.environment = {name: value for name, value in os.environ.items() if not SETTINGS.match(name)}
        self.environment |= {
            "HOME": home,
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
            # The same results in all processes, two of which run at a time.
            "OMP_NUM_THREADS": "1",
            "MPLBACKEND": "agg",
            "JAX_PLATFORMS": "cpu",
            "CUDA_VISIBLE_DEVICES": "",
            # No library may ask for anything from outside.
            "HF_HUB_OFFLINE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def call(self, *command):
        """Runs a program, with a time limit. Its last line of standard error explains a failure."""
        try:
            return subprocess.run(command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace", timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, -1, "", f"takes longer than {TIMEOUT} seconds")

    def python(self, *words):
        return self.call(sys.executable, "-c", "__import__('worker').run()", *words)

    def snapcli(self, *words):
        return self.call(self.options.snapcli, "--python", sys.executable, *words)

    def answers(self, path, names):
        """The answers of a worker: for each name the result, or an error."""
        answers = {name: {"error": "the process ended, or took too long"} for name in names}
        if os.path.exists(path):
            with open(path) as file:
                answers |= {answer["name"]: answer for answer in map(json.loads, file)}
        return answers

    def file(self, name):
        return os.path.join(self.folder, name)


def last_line(text):
    return (text.strip().splitlines() or ["no message"])[-1][:300]


class Fate:
    """What became of one value: whether each came back equal, and if not, why."""

    def __init__(self, library, name):
        self.library, self.name = library, name
        # By peer, None if the value came back equal.
        self.why = {}
        # Where snapcli named it: "save", "restore" or "" for nowhere.
        self.named = ""

    def equal(self, peer):
        return self.why[peer] is None

    def silent(self):
        return not self.equal("snapcli") and not self.named

    def judge(self, peer, expected, answer):
        if "error" in answer:
            self.why[peer] = answer["error"]
        elif answer["result"] != expected:
            self.why[peer] = f"differs: {around_difference(expected, answer['result'])}"
        else:
            self.why[peer] = None


def around_difference(expected, result):
    """The first difference of two strings, with a little of what is around it."""
    at = len(os.path.commonprefix([expected, result]))
    start = max(0, at - 20)
    return f"{expected[start:at + 30]} … {result[start:at + 30]}"


def compare(place, library):
    """All fates of a session's values."""
    names = list(worker.Session(place.path).checks)
    expected = reference(place, names)
    fates = [Fate(library, name) for name in names]
    by_snapcli(place, fates, expected)
    for peer in PEERS:
        by_peer(place, peer, fates, expected)
    return fates


def reference(place, names):
    """The results in the script's own process."""
    runs = []
    for number in range(2):
        out = place.file(f"reference-{number}")
        process = place.python("reference", place.path, out)
        answers = place.answers(out, names)
        if "" in answers:
            raise Skipped(answers[""]["result"].strip('"'))
        if process.returncode != 0:
            raise Broken(last_line(process.stderr))
        runs.append(answers)
    for name in names:
        if "error" in runs[0][name]:
            raise Broken(f"the check of {name} fails: {runs[0][name]['error']}")
        if runs[0][name] != runs[1][name]:
            first, second = (run[name].get("result", "") for run in runs)
            raise Broken(f"the check of {name} differs in two runs: {around_difference(first, second)}")
    return {name: runs[0][name]["result"] for name in names}


def by_snapcli(place, fates, expected):
    snapshot, report, out = place.file("session.pkl"), place.file("report.json"), place.file("restored")
    saved = place.snapcli("save", "--exclude", "CHECKS", "--report", report, "-o", snapshot, place.path)
    if not os.path.exists(report):
        for fate in fates:
            fate.why["snapcli"], fate.named = f"no snapshot: {last_line(saved.stderr)}", "save"
        return
    with open(report) as file:
        told = json.load(file)
    at_save = {left["name"]: left["error"] for left in told["left_out"] if left["reason"] != "excluded"}
    noted = {one["name"]: "; ".join(one["notes"]) for one in told["variables"] if one.get("notes")}
    code = "__import__('worker').run()"
    restored = place.snapcli("restore", snapshot, "-c", code, "check", place.path, out)
    at_restore = dict(NOT_RESTORED.findall(restored.stderr))
    answers = place.answers(out, list(expected))
    for fate in fates:
        fate.judge("snapcli", expected[fate.name], answers[fate.name])
        if fate.equal("snapcli"):
            continue
        if fate.name in at_save:
            fate.named, fate.why["snapcli"] = "save", at_save[fate.name]
        elif fate.name in at_restore:
            fate.named, fate.why["snapcli"] = "restore", at_restore[fate.name]
        elif fate.name in noted:
            fate.named, fate.why["snapcli"] = "save", f"{noted[fate.name]} ({fate.why['snapcli']})"
        elif not os.path.exists(out):
            fate.why["snapcli"] = f"restore failed: {last_line(restored.stderr)}"


def by_peer(place, peer, fates, expected):
    folder = place.file(peer)
    os.mkdir(folder)
    dumped = dump_all(place, peer, folder, list(expected))
    files = [name for name in expected if "error" not in dumped[name]]
    out = place.file(f"{peer}-loaded")
    loaded = {}
    if files:
        place.python("load", place.path, out, peer, folder, *files)
        loaded = place.answers(out, files)
    for fate in fates:
        fate.judge(peer, expected[fate.name], loaded.get(fate.name, dumped[fate.name]))


def dump_all(place, peer, folder, names):
    """Pickles each value. One that ends the process costs only itself: another process pickles those after it."""
    out = place.file(f"{peer}-dumped")
    rest, ended = names, {}
    while rest:
        process = place.python("dump", place.path, out, peer, folder, *rest)
        done = place.answers(out, [])
        undone = [name for name in rest if name not in done]
        if undone:
            ended[undone[0]] = {"error": f"dumps ended the process: {last_line(process.stderr)}"}
        rest = undone[1:]
    return place.answers(out, names) | ended


def run_group(options, home, library):
    """The fates of a session, or the reason why there are none."""
    with tempfile.TemporaryDirectory(prefix=f"ecosystem-{library}-") as folder:
        place = Place(options, home, folder, SESSIONS / f"{PREFIX}{library}.py")
        try:
            return compare(place, library)
        except (Skipped, Broken) as error:
            return error
        finally:
            print(f"{library} …", file=sys.stderr, flush=True)


def listed(names):
    return ", ".join(names) or "-"


def count(fates, peer):
    return sum(fate.equal(peer) for fate in fates)


def table(groups):
    """One row for each library, and the totals."""
    rows = [("library", "values", "snapcli", *PEERS, "left out at the save", "not back at the restore", "silent")]
    for library, fates in groups.items():
        rows.append(row(library, fates, [listed(fate.name for fate in fates if chosen(fate)) for chosen in NAMED]))
    everything = [fate for fates in groups.values() for fate in fates]
    rows.append(row("total", everything, [str(sum(map(chosen, everything))) for chosen in NAMED]))
    widths = [max(len(one[column]) for one in rows) for column in range(len(rows[0]))]
    for one in rows:
        cells = [cell.rjust(width) if 1 <= column <= 4 else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(one, widths))]
        yield "  ".join(cells).rstrip()


def row(library, fates, names):
    return (library, str(len(fates)), *(str(count(fates, peer)) for peer in ("snapcli", *PEERS)), *names)


# The columns of names.
NAMED = (
    lambda fate: fate.named == "save",
    lambda fate: fate.named == "restore",
    Fate.silent,
)


def details(groups):
    """Each value that some of them do not bring back, with the reasons."""
    lost = [fate for fates in groups.values() for fate in fates if any(fate.why.values())]
    for title, chosen in [
        ("Not equal with snapcli", lambda fate: not fate.equal("snapcli")),
        ("Equal with snapcli, but not with all peers", lambda fate: fate.equal("snapcli")),
    ]:
        yield f"\n{title}:"
        for fate in filter(chosen, lost):
            place = "silent" if fate.silent() else fate.named
            yield f"  {fate.library} {fate.name}"
            for peer in ("snapcli", *PEERS):
                where = f" ({place})" if peer == "snapcli" and place else ""
                yield f"    {peer}{where}: {fate.why[peer] or 'equal'}"


def summary(groups, skipped, seconds):
    fates = [fate for group in groups.values() for fate in group]
    only_peers = [fate for fate in fates if not fate.equal("snapcli") and any(fate.equal(peer) for peer in PEERS)]
    only_ours = [fate for fate in fates if fate.equal("snapcli") and not any(fate.equal(peer) for peer in PEERS)]
    yield ""
    yield f"{len(groups)} libraries, {len(fates)} values; {skipped} libraries skipped; {seconds:.0f} seconds"
    yield "equal: " + ", ".join(f"{peer} {count(fates, peer)}" for peer in ("snapcli", *PEERS))
    yield f"only a peer: {listed(f'{fate.library} {fate.name}' for fate in only_peers)}"
    yield f"only snapcli: {listed(f'{fate.library} {fate.name}' for fate in only_ours)}"
    yield f"silent: {listed(f'{fate.library} {fate.name}' for fate in fates if fate.silent())}"


def parse():
    known = sorted(path.stem.removeprefix(PREFIX) for path in SESSIONS.glob(f"{PREFIX}*.py"))
    parser = argparse.ArgumentParser(prog="ecosystem", description=__doc__.splitlines()[0])
    parser.add_argument("--snapcli", required=True, type=os.path.abspath, help="the program")
    parser.add_argument("--jobs", default=2, type=int, help="how many sessions to run at a time [default: 2]")
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"some of {', '.join(known)} [default: all]")
    options = parser.parse_args()
    strange = set(options.libraries) - set(known)
    if strange:
        parser.error(f"no session for {listed(sorted(strange))}; there is {', '.join(known)}")
    options.libraries = options.libraries or known
    missing = [peer for peer in PEERS if not importlib.util.find_spec(peer)]
    if missing:
        parser.error(f"{sys.executable} has no {listed(missing)}: install benches/ecosystem/requirements.txt")
    return options


def main():
    options = parse()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ecosystem-home-") as home:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            outcomes = list(pool.map(lambda library: run_group(options, home, library), options.libraries))
    outcomes = dict(zip(options.libraries, outcomes))
    groups = {library: fates for library, fates in outcomes.items() if not isinstance(fates, Exception)}
    skipped = {library: error for library, error in outcomes.items() if isinstance(error, Skipped)}
    broken = {library: error for library, error in outcomes.items() if isinstance(error, Broken)}

    versions = ", ".join(f"{peer} {importlib.metadata.version(peer)}" for peer in PEERS)
    print(f"Python {platform.python_version()}, {versions}\n")
    for line in (*table(groups), *details(groups), *summary(groups, len(skipped), time.monotonic() - start)):
        print(line)
    for library, error in skipped.items():
        print(f"skipped: {library} ({error})")
    for library, error in broken.items():
        print(f"broken: {library} ({error})")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
