"""Finds the program `snapcli` that was installed with this package, for `python -m snapcli`."""

import os
import sys
import sysconfig

_NAME = "snapcli"


def find_program() -> str:
    """Return the path of the program.

    Raises FileNotFoundError with all paths that were tried.
    """
    candidates = [os.path.join(folder, _NAME) for folder in _folders()]
    for path in candidates:
        if _is_program(path):
            return path
    raise FileNotFoundError(
        "the program that belongs to this package is missing: reinstall snapcli (tried {})".format(
            ", ".join(candidates)
        )
    )


def _folders() -> "list[str]":
    """Folders of programs, the most likely first. Nothing is searched on PATH: another snapcli may be there."""
    packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = []
    # PREFIX/lib/python3.12/site-packages: an environment, `--prefix` or `--user`, even if it is not that of this
    # Python (as in `uv run --with snapcli`).
    version = os.path.dirname(packages)
    library = os.path.dirname(version)
    if os.path.basename(version).startswith("python3"):
        folders.append(os.path.join(os.path.dirname(library), "bin"))
    # `--target`.
    folders.append(os.path.join(packages, "bin"))
    # An editable installation has its package in the source.
    folders.append(sysconfig.get_path("scripts"))
    folders.append(sysconfig.get_path("scripts", _user_scheme()))
    return list(dict.fromkeys(folders))


def _user_scheme() -> str:
    """The name of the installation scheme of `pip install --user`."""
    return sysconfig.get_preferred_scheme("user")


def _is_program(path: str) -> bool:
    """Whether a file can be executed and is no script, which could be one that runs `python -m snapcli` again."""
    if not os.access(path, os.X_OK) or sys.platform == "win32":
        return False
    try:
        with open(path, "rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False
