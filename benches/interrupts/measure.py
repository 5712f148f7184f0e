"""Measures how long commands take to end after Ctrl-C, in each of their stages.

Run by hand, on a quiet machine, with a Python that has numpy and dill:

    python benches/interrupts/measure.py --snapcli target/release/snapcli [--rounds N] [--scale F] [CASE…]

Each case is a command on files of about 1 GB (times `--scale`). It runs once undisturbed, then `--rounds` times, and
each time Ctrl-C is typed a little later than the time before, from the start to the end of the undisturbed run. Every
run has a terminal of its own; the stage is the one that the progress bar shows when Ctrl-C is typed.

Prints, for each case and stage, the median and the longest time from Ctrl-C to the end of the process, and every run
that did not end by SIGINT, or that printed a traceback where no code of the user ran. The figures are for people: the
exit code is 0 whatever they are.
"""

import argparse
import dataclasses
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

# Seconds after which a run that does not end is killed.
PATIENCE = 120
# Milliseconds within which a command should end.
LIMIT = 200
# What each script prints when it has made its data.
MADE = b"made all"
STAGE = re.compile(r"[\u2801-\u28ff⠁-⣿] (\w+)")

SCRIPTS = {
    "busy.py": "while True: pass\n",
    "calls.py": "import numpy\nx = numpy.random.rand(3000, 3000)\nwhile True: x @ x\n",
    "objects.py": "n = int({scale} * 4_000_000)\n"
    "data = {{f'key{{i}}': [i, float(i), 'text %d' % (i * 7919)] for i in range(n)}}\n",
    "changed.py": "n = int({scale} * 4_000_000)\n"
    "data = {{f'key{{i}}': [i, float(i), 'text %d' % (i * 7919)] for i in range(n)}}\ndata['key7'] = 8\n",
    "arrays.py": "import numpy\nbig = numpy.random.default_rng(1).random(int({scale} * 125_000_000))\n",
    "text.py": "text = 'snapshot ' * int({scale} * 110_000_000)\n",
    "instances.py": "class Point:\n    def __init__(self, x): self.x, self.y = x, [x]\n"
    "points = [Point(i) for i in range(int({scale} * 3_000_000))]\n",
    "frame.py": "import pandas\nframe = pandas.DataFrame({{'name': [f'row {{i}}' for i in range(int({scale} * 3_000_000))]}})\n",
    "steps.py": "total = 0\nfor i in range(10 ** 9):\n    total += i\n",
    "dumped.py": "import pickle\nn = int({scale} * 4_000_000)\n"
    "data = {{f'key{{i}}': [i, float(i), 'text %d' % (i * 7919)] for i in range(n)}}\n"
    "pickle.dump({{'data': data, 'n': n}}, open('foreign.pkl', 'wb'))\n",
}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    words: tuple
    # What the command needs: the names of scripts whose snapshots are there.
    needs: tuple = ()
    # A run without end, which is not measured undisturbed: Ctrl-C comes after so many seconds.
    endless: float = 0.0
    # Whether the code of the user is running, whose traceback is expected.
    user_code: bool = False
    # Whether the files were signed with the key of somebody else.
    foreign: bool = False

    @property
    def runs_script(self):
        """Whether a script runs first, which is not what is measured."""
        return not self.endless and self.words[-1].endswith(".py")


def case(name, words, needs="", **more):
    return Case(name, tuple(words.split()), tuple(needs.split()), **more)


CASES = [
    case("script", "save -o out.pkl busy.py", endless=1.0, user_code=True),
    case("script-in-c", "save -o out.pkl calls.py", endless=2.0, user_code=True),
    case("save-objects", "save -o out.pkl objects.py"),
    case("save-instances", "save -o out.pkl instances.py"),
    case("save-array", "save -o out.pkl arrays.py"),
    case("save-text", "save -o out.pkl text.py"),
    case("save-frame", "save -o out.pkl frame.py"),
    case("save-compress", "save --compress 12 -o out.pkl objects.py"),
    case("save-verify", "save --verify -o out.pkl objects.py"),
    case("save-store", "save -o out.snaps/ objects.py"),
    case("save-store-array", "save -o out.snaps/ arrays.py"),
    case("save-stdout", "save -o - objects.py"),
    case("restore-objects", "restore objects.pkl -c 1", "objects"),
    case("restore-instances", "restore instances.pkl -c 1", "instances"),
    case("restore-array", "restore arrays.pkl -c 1", "arrays"),
    case("restore-frame", "restore frame.pkl -c 1", "frame"),
    case("restore-untrusted", "restore objects.pkl -c 1", "objects", foreign=True),
    case("restore-untrusted-array", "restore arrays.pkl -c 1", "arrays", foreign=True),
    case("restore-compressed", "restore packed.pkl.zst -c 1", "packed"),
    case("restore-pickle", "restore foreign.pkl -c 1", "foreign"),
    case("restore-pickle-trusted", "restore --trust foreign.pkl -c 1", "foreign"),
    case("restore-gzip", "restore foreign.pkl.gz -c 1", "foreign"),
    case("restore-store", "restore runs.snaps/ -c 1", "store"),
    case("user-code", "restore small.pkl -c while+1:pass", "small", endless=1.0, user_code=True),
    case("verify-objects", "verify objects.pkl", "objects"),
    case("verify-array", "verify arrays.pkl", "arrays"),
    case("verify-compressed", "verify packed.pkl.zst", "packed"),
    case("verify-store", "verify runs.snaps/", "store"),
    case("inspect-strict", "inspect --strict objects.pkl", "objects", foreign=True),
    case("inspect-pickle", "inspect foreign.pkl", "foreign"),
    case("inspect-gzip", "inspect foreign.pkl.gz", "foreign"),
    case("inspect-verdict", "inspect --verdict objects.pkl", "objects", foreign=True),
    case("inspect-page", "inspect --html page.html objects.pkl", "objects"),
    case("inspect-trace", "inspect --trace data objects.pkl", "objects"),
    case("inspect-script", "inspect objects.py"),
    case("diff", "diff objects.pkl changed.pkl", "objects changed"),
    case("trust", "trust --yes objects.pkl", "objects", foreign=True),
    case("import", "import objects.pkl new.snaps/", "objects"),
    case("export", "export runs.snaps/ -o out.pkl", "store"),
    case("log", "log runs.snaps/", "store"),
    case("prune", "prune --keep-last 1 --dry-run runs.snaps/", "store"),
    case("run", "run --fresh -o run.snaps/ steps.py", endless=2.0),
]


class Files:
    """The folder of the cases, whose files are made when a case needs them."""

    def __init__(self, arguments, folder):
        self.program, self.folder, self.scale = arguments.snapcli, folder, arguments.scale
        self.environment = {**os.environ, "HOME": str(folder / "home"), "TERM": "xterm", "NO_COLOR": "1"}
        self.environment["SNAPCLI_PYTHON"] = arguments.python
        for name, text in SCRIPTS.items():
            is_format = "{scale}" in text
            (folder / name).write_text((text.format(scale=self.scale) if is_format else text) + "print('made all')\n")

    def run(self, *words):
        subprocess.run(words, cwd=self.folder, env=self.environment, check=True, capture_output=True)

    def make(self, name):
        path = self.folder / {"store": "runs.snaps", "packed": "packed.pkl.zst"}.get(name, f"{name}.pkl")
        if path.exists():
            return
        save = [self.program, "save", "-q", "-o"]
        if name == "foreign":
            self.run(self.environment["SNAPCLI_PYTHON"], "dumped.py")
            self.run("gzip", "-1", "-k", "foreign.pkl")
        elif name == "store":
            self.run(*save, "runs.snaps/", "objects.py")
            self.run(*save, "runs.snaps/", "changed.py")
        elif name == "packed":
            self.run(*save, "packed.pkl.zst", "objects.py")
        elif name == "small":
            self.run(*save, "small.pkl", "-c", "x = 1")
        else:
            self.run(*save, path.name, f"{name}.py")


def start(program, words, files, environment):
    """Starts a command on a terminal of its own. Returns the process and the terminal."""
    process, terminal = pty.fork()
    if process == 0:
        # A shell starts what runs in the background with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(files.folder)
        if "-" in words:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execve(program, [program, *words], environment)
    return process, terminal


def follow(process, terminal, delay, is_made):
    """Reads the terminal until the process ends, and types Ctrl-C after a delay, or never if that is None.

    The delay counts from the start, or from the end of the script, which prints MADE. Returns the status, when Ctrl-C
    was typed, when the process ended, both counted in the same way, what it printed, and its stage at Ctrl-C."""
    output, typed, stage = b"", None, "no bar"
    origin = None if is_made else time.monotonic()
    begun = time.monotonic()
    while True:
        now = time.monotonic()
        if origin is None and MADE in output:
            origin = now
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            origin = origin or begun
            return status, typed and typed - origin, now - origin, output.decode(errors="replace"), stage
        if typed is None and delay is not None and origin is not None and now >= origin + delay:
            found = STAGE.findall(output.decode(errors="replace"))
            stage = found[-1] if found else stage
            typed = time.monotonic()
            os.write(terminal, b"\x03")
        if now > begun + PATIENCE:
            os.kill(process, signal.SIGKILL)
        try:
            if select.select([terminal], [], [], 0.001)[0]:
                output += os.read(terminal, 65536)
        except OSError:
            time.sleep(0.001)


def one_run(case, files, delay):
    environment = dict(files.environment)
    if case.foreign:
        environment["SNAPCLI_KEY"] = "the key of somebody who looks at the file"
    words = [word.replace("+", " ") for word in case.words]
    process, terminal = start(files.program, words, files, environment)
    try:
        return follow(process, terminal, delay, is_made=case.runs_script)
    finally:
        os.close(terminal)


def measure(case, files, rounds):
    """Prints the lines of a case. Returns its longest time."""
    for name in case.needs:
        files.make(name)
    before = set(files.folder.iterdir())
    if case.endless:
        moments = [case.endless + 0.013 * number for number in range(rounds)]
    else:
        duration = one_run(case, files, None)[2]
        moments = [duration * (number + 0.5) / rounds for number in range(rounds)]
    stages, odd = {}, []
    for moment in moments:
        status, typed, ended, output, stage = one_run(case, files, moment)
        for path in set(files.folder.iterdir()) - before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if typed is None:
            continue
        took = (ended - typed) * 1000
        by_sigint = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT
        # It may have ended by itself just then.
        if not by_sigint and not (os.waitstatus_to_exitcode(status) == 0 and took < LIMIT):
            odd.append(f"at {moment:.2f} s: status {os.waitstatus_to_exitcode(status)}: {output[-300:]!r}")
        if "Traceback" in output and not case.user_code and "Ctrl-C" not in output:
            odd.append(f"at {moment:.2f} s: traceback: {output[-500:]!r}")
        if "the script was interrupted" in output:
            stage = "script"
        stages.setdefault(stage, []).append((took, moment))
    for stage, times in stages.items():
        only = [took for took, _ in times]
        longest, moment = max(times)
        mark = "  <-- too long" if longest > LIMIT else ""
        print(
            f"{case.name:<24} {stage:<10} {len(only):>3} {statistics.median(only):>8.0f} ms {longest:>8.0f} ms "
            f"at {moment:.2f} s{mark}",
            flush=True,
        )
    for line in odd:
        print(f"    {line}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snapcli", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no case is named {', '.join(sorted(unknown))}: {', '.join(case.name for case in CASES)}")
    print(f"{'case':<24} {'stage':<10} {'n':>3} {'median':>11} {'longest':>11}")
    with tempfile.TemporaryDirectory(prefix="interrupts-") as folder:
        files = Files(arguments, pathlib.Path(folder))
        for case in CASES:
            if not arguments.cases or case.name in arguments.cases:
                measure(case, files, arguments.rounds)


if __name__ == "__main__":
    main()
