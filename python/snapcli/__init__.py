"""Save a Python session to one file that dill reads, restore it, and inspect it."""

from snapcli._engine import dump, dumps, load, load_dict, loads, restore, save
from snapcli._engine import load_ipython_extension as load_ipython_extension
from snapcli._engine import unload_ipython_extension as unload_ipython_extension

__all__ = ["dump", "dumps", "load", "load_dict", "loads", "restore", "save"]
