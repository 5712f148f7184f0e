"""Counts how many honest files, by library and writer, snapcli loads when somebody else has sent them.

    python benches/untrusted/count.py --snapcli target/release/snapcli [--files FOLDER] [--json OUT] [LIBRARY…]

Runs with the Python that has the libraries. `make.py` writes the files with it, or `--files` names a folder where an
earlier run has left them, so that two builds of snapcli get the same files. Prints a table, and the files that are
loaded with other contents than a trusted load gives. `--json` keeps the outcome of each file, and `--before` names such
an outcome of another build: files that it has loaded and this one refuses are printed.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OWN = "snapcli"


def environment(home):
    """A user of his own, with a key of his own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SNAPCLI_", "XDG_"))}
    single = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | single | {"HOME": str(home), "VIRTUAL_ENV": sys.prefix}


def make(options, folder, home):
    """Writes the files: by the libraries, and by `snapcli save` of another user."""
    subprocess.run([sys.executable, HERE / "make.py", folder, *options.libraries], check=True, env=environment(home))
    for library in options.libraries:
        own = folder / library / f"session.{OWN}.pkl"
        command = [options.snapcli, "save", "-q", "-o", own, own.with_name("session.py")]
        subprocess.run(command, env=environment(home))


def listed(options, folder, home):
    """The files, with the variables to load of those that have an index."""
    for library in options.libraries:
        for path in sorted((folder / library).glob("*.pkl")):
            if not path.name.endswith(f".{OWN}.pkl"):
                yield str(path)
                continue
            shown = subprocess.run([options.snapcli, "inspect", "--json", path], env=environment(home),
                                   capture_output=True, text=True, check=True)
            for variable in json.loads(shown.stdout)["variables"]:
                yield f"{path}\t{variable['name']}"


def load(options, files, scratch):
    """The outcome of each file. A load that ends the process costs only itself: another process goes on after it."""
    home, empty, out = scratch / "reader", scratch / "empty.pkl", scratch / "answers"
    home.mkdir()
    subprocess.run([options.snapcli, "save", "-q", "-o", empty, "-c", "pass"], check=True, env=environment(home))
    rest, ended = list(files), {}
    while rest:
        (scratch / "list").write_text("\n".join(rest))
        command = [options.snapcli, "restore", empty, HERE / "worker.py", out, scratch / "list"]
        process = subprocess.run(command, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        answers = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        done = {answer["file"]: answer for answer in answers} | ended
        rest = [file for file in rest if file not in done]
        if rest:
            ended[rest[0]] = {"file": rest[0], "loaded": False, "why": f"ended by {process.returncode}: {process.stderr[-300:]}"}
            rest = rest[1:]
            done |= ended
    return done


def parts(file):
    """The library, the value and the writer of a file."""
    path, _, variable = file.partition("\t")
    name, writer = pathlib.Path(path).name.split(".")[:2]
    return pathlib.Path(path).parent.name, variable or name, writer


def table(outcomes):
    counts = collections.defaultdict(lambda: [0, 0])
    for file, outcome in outcomes.items():
        library, _, writer = parts(file)
        for key in ((library, writer), (library, "all"), ("all", writer), ("all", "all")):
            counts[key][0] += outcome["loaded"]
            counts[key][1] += 1
    writers = list(dict.fromkeys([*sorted(writer for _, writer in counts if writer != "all"), "all"]))
    rows = [["library", *writers]]
    for library in dict.fromkeys(library for library, _ in counts):
        if library != "all":
            rows.append([library, *("{}/{}".format(*counts[library, writer]) for writer in writers)])
    rows.append(["all", *("{}/{}".format(*counts["all", writer]) for writer in writers)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def differences(outcomes, before):
    for file, outcome in outcomes.items():
        if outcome.get("differs"):
            yield f"differs: {'/'.join(parts(file))}: {outcome['differs']}"
    for file, outcome in before.items():
        now = outcomes.get(file)
        if outcome["loaded"] and now and not now["loaded"]:
            yield f"refused now: {'/'.join(parts(file))}: {now['why']}"


def parse():
    known = sorted(path.stem.removeprefix("values_") for path in HERE.glob("values_*.py"))
    parser = argparse.ArgumentParser(prog="untrusted", description=__doc__.splitlines()[0])
    parser.add_argument("--snapcli", required=True, type=os.path.abspath, help="the program")
    parser.add_argument("--files", type=pathlib.Path, help="a folder for the files, used again if it exists")
    parser.add_argument("--json", type=pathlib.Path, help="where to write the outcome of each file")
    parser.add_argument("--before", type=pathlib.Path, help="the outcome of another build")
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"some of {', '.join(known)} [default: all]")
    options = parser.parse_args()
    options.libraries = options.libraries or known
    return options


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="untrusted-") as scratch:
        scratch = pathlib.Path(scratch)
        folder = options.files.absolute() if options.files else scratch / "files"
        (scratch / "writer").mkdir()
        if not folder.exists():
            make(options, folder, scratch / "writer")
        outcomes = load(options, listed(options, folder, scratch / "writer"), scratch)
    before = json.loads(options.before.read_text()) if options.before else {}
    for line in (*table(outcomes), "", *differences(outcomes, before)):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(outcomes, indent=1))


if __name__ == "__main__":
    main()
