"""Save a Python session to one file that dill reads, restore it, and inspect it."""

from snapcli._engine import dump, dumps, load, load_dict, loads, restore, save

__all__ = ["dump", "dumps", "load", "load_dict", "loads", "restore", "save"]
