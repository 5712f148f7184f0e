#!/usr/bin/env python3
"""Builds the release files: the wheel, and the source distribution that it is made from.

    python3 python/build_wheel.py [DIRECTORY]

Needs Rust, and Python's venv and pip; the other tools are installed into a temporary environment. On Linux, zig links
the programs, so that they run with glibc 2.17 and later wherever they are built. DIRECTORY is `dist` by default.
`CARGO_TARGET_DIR` is where cargo builds, by default `target/wheel`.
"""

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ["build==1.6.1", "wheel==0.48.0", "auditwheel==6.8.2", "cargo-zigbuild==0.24.1", "ziglang==0.17.1"]
GLIBC = (2, 17)
MEGABYTE = 1_000_000
LARGEST = 12 * MEGABYTE


def run(*command, **options):
    print("+", *command, file=sys.stderr, flush=True)
    return subprocess.run([os.fspath(word) for word in command], check=True, **options)


def run_quietly(*command, **options):
    """Shows what a command prints only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        done.check_returncode()


def linker_settings(folder, tools, machine):
    """Environment variables that make cargo and the C libraries use zig, for an old glibc."""
    script = folder / "zig-cc"
    target = f"{machine}-linux-gnu.{GLIBC[0]}.{GLIBC[1]}"
    # cargo-zigbuild knows which of rustc's arguments zig does not, and finds zig by the Python on PATH.
    path = shlex.quote(str(tools / "bin"))
    script.write_text(f'#!/bin/sh\nPATH={path}:"$PATH" exec cargo-zigbuild zig cc -- "$@" -target {target}\n')
    script.chmod(0o755)
    triple = f"{machine}_unknown_linux_gnu"
    return {
        f"CC_{triple}": str(script),
        f"CARGO_TARGET_{triple.upper()}_LINKER": str(script),
    }


LICENSE_FILES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")


def used_crates():
    """The crates whose code is in the wheel, as `cargo metadata` describes them."""
    version = run("rustc", "--version", "--verbose", stdout=subprocess.PIPE, text=True).stdout
    [host] = (line.split()[1] for line in version.splitlines() if line.startswith("host: "))
    options = ["--format-version=1", "--locked", "--no-default-features", "--features=extension,remote"]
    command = ["cargo", "metadata", *options, "--filter-platform", host]
    found = json.loads(run(*command, cwd=ROOT, stdout=subprocess.PIPE).stdout)
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    used, pending = set(), [found["resolve"]["root"]]
    while pending:
        for dependency in nodes[pending.pop()]["deps"]:
            # Those of build scripts and tests have another kind.
            is_normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_normal and dependency["pkg"] not in used:
                used.add(dependency["pkg"])
                pending.append(dependency["pkg"])
    return sorted((p for p in found["packages"] if p["id"] in used), key=lambda package: package["name"])


def third_party_licenses():
    """The licenses of all crates whose code is in the wheel, as one text."""
    parts = ["The programs in this wheel contain code of these libraries.\n"]
    seen = {}
    for crate in used_crates():
        name = f"{crate['name']} {crate['version']}"
        parts.append(f"{'=' * 80}\n{name}: {crate['license']}\n{crate['repository']}\n")
        for file in sorted(Path(crate["manifest_path"]).parent.iterdir()):
            if file.is_file() and file.name.upper().startswith(LICENSE_FILES):
                text = file.read_text(errors="replace")
                known = seen.setdefault(text, f"{file.name} of {name}")
                first = known == f"{file.name} of {name}"
                parts.append(f"{'-' * 80}\n{text}" if first else f"{file.name}: the same as {known}\n")
    return "\n".join(parts)


COMPLETIONS = {
    "snapcli.bash": "bash-completion/completions/snapcli",
    "_snapcli": "zsh/site-functions/_snapcli",
    "snapcli.fish": "fish/vendor_completions.d/snapcli.fish",
}


def add_shared_files(unpacked):
    """Adds the manual pages and the completions of shells: an installation puts them beside `bin`, where man looks."""
    [scripts] = unpacked.glob("*.data/scripts")
    program, share = scripts / "snapcli", scripts.parent / "data/share"
    program.chmod(0o755)
    overview = run(program, "--help", stdout=subprocess.PIPE, text=True).stdout
    commands = overview.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    names = [words[0] for line in commands if line[2:3] != " " and (words := line.split()) and words[0] != "help"]
    assert "save" in names, f"no commands in the help: {overview}"
    (share / "man/man1").mkdir(parents=True)
    for name in [None, *names]:
        page = run(program, "man", *filter(None, [name]), stdout=subprocess.PIPE).stdout
        (share / "man/man1" / ("-".join(filter(None, ["snapcli", name])) + ".1")).write_bytes(page)
    for source, target in COMPLETIONS.items():
        (share / target).parent.mkdir(parents=True)
        shutil.copyfile(ROOT / "completions" / source, share / target)


def complete(tools, folder, wheel):
    """Adds to the wheel what setuptools cannot: the licenses of the libraries, manual pages and completions."""
    run(tools / "bin/python", "-m", "wheel", "unpack", "--dest", folder / "unpacked", wheel)
    [unpacked] = (folder / "unpacked").iterdir()
    [information] = unpacked.glob("*.dist-info")
    (information / "licenses").mkdir(exist_ok=True)
    (information / "licenses/THIRD-PARTY.txt").write_text(third_party_licenses())
    add_shared_files(unpacked)
    run(tools / "bin/python", "-m", "wheel", "pack", "--dest-dir", wheel.parent, unpacked)


def build(folder, out):
    """Builds both files with the tools in `folder`, and returns the path of the wheel."""
    tools = folder / "tools"
    venv.create(tools, with_pip=True)
    run(tools / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *TOOLS)
    env = dict(os.environ)
    env.setdefault("CARGO_TARGET_DIR", str(ROOT / "target/wheel"))
    env["CARGO_PROFILE_RELEASE_STRIP"] = "symbols"
    # Whatever Python runs this, the engine is for all of them.
    env.pop("PYO3_PYTHON", None)
    if sys.platform == "linux":
        env.update(linker_settings(folder, tools, platform.machine()))
    made = folder / "made"
    print("+ building, which takes minutes", file=sys.stderr, flush=True)
    # The wheel is made from the source distribution, so that is complete. Always at the same path, which cargo knows.
    run_quietly(tools / "bin/python", "-m", "build", "--sdist", "--outdir", made, ROOT, env=env)
    [source] = made.glob("*.tar.gz")
    unpacked = Path(env["CARGO_TARGET_DIR"]).resolve() / "source"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(source) as archive:
        archive.extractall(unpacked)
    [package] = unpacked.iterdir()
    run_quietly(tools / "bin/python", "-m", "build", "--wheel", "--outdir", made, package, env=env)
    [wheel] = made.glob("*.whl")
    complete(tools, folder, wheel)
    if sys.platform == "linux":
        wheel = tagged(tools, wheel)
    out.mkdir(parents=True, exist_ok=True)
    shutil.move(source, out / source.name)
    return Path(shutil.move(wheel, out / wheel.name))


def tagged(tools, wheel):
    """Names the wheel after the oldest glibc. Fails if a program in it needs more than such a system has."""
    tag = f"manylinux_{GLIBC[0]}_{GLIBC[1]}_{platform.machine()}"
    run(tools / "bin/wheel", "tags", "--remove", "--platform-tag", tag, wheel, stdout=subprocess.DEVNULL)
    [wheel] = wheel.parent.glob("*.whl")
    shown = run(tools / "bin/auditwheel", "show", wheel, stdout=subprocess.PIPE, text=True).stdout
    print(shown, file=sys.stderr)
    assert f'"{tag}"' in shown, f"{wheel.name} needs more than {tag} has"
    return wheel


def check(wheel):
    """Fails if the wheel is not what an installation needs."""
    names = zipfile.ZipFile(wheel).namelist()
    for end in (".data/scripts/snapcli", "snapcli/_engine.abi3.so", "snapcli/py.typed", "/LICENSE", "/THIRD-PARTY.txt",
                "/share/man/man1/snapcli-save.1", "/share/zsh/site-functions/_snapcli"):
        assert any(name.endswith(end) for name in names), f"{wheel.name} has no {end}: {names}"
    assert "-cp310-abi3-" in wheel.name, f"{wheel.name} is not for every Python since 3.10"
    assert not any("libs/" in name for name in names), f"{wheel.name} has libraries of the system: {names}"
    size = wheel.stat().st_size
    assert size < LARGEST, f"{wheel.name} has {size / MEGABYTE:.1f} MB, more than {LARGEST / MEGABYTE:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "dist", help="where to put them")
    out = parser.parse_args().directory.resolve()
    with tempfile.TemporaryDirectory(prefix="snapcli-wheel-") as folder:
        wheel = build(Path(folder), out)
    check(wheel)
    print(wheel)


if __name__ == "__main__":
    main()
