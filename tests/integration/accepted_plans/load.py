"""Loads all pickles of the directory `files` without trust, and prints those that were neither built nor refused."""

import os
import pathlib
import pickle
import warnings

import compare
import snapcli

warnings.simplefilter("ignore")
counts = {"built": 0, "refused": 0, "differs": 0, "failed": 0}
for path in sorted(pathlib.Path("files").iterdir()):
    try:
        built = snapcli.load_dict(path)
    except Exception as error:
        if "is not trusted" in str(error) or "FLOAT" in str(error):
            counts["refused"] += 1
        else:
            counts["failed"] += 1
            print(f"{path.name}: {type(error).__name__}: {error}")
        continue
    counts["built"] += 1
    with open(path, "rb") as file:
        try:
            loaded = pickle.load(file)
        except Exception as error:
            counts["differs"] += 1
            print(f"{path.name}: built, but pickle says {type(error).__name__}: {error}")
            continue
    if type(loaded) is not dict:
        loaded = {"obj": loaded}
    elif list(built) == ["obj"]:
        built = {repr(key): value for key, value in built["obj"].items()}
        loaded = {repr(key): value for key, value in loaded.items()}
    for difference in compare.differences(built, loaded):
        if "0x" in difference:  # The place of an object in memory.
            continue
        counts["differs"] += 1
        print(f"{path.name}: {difference}")
print(os.environ.get("TOLD", "") and counts or f"{counts['failed']} failed, {counts['differs']} differ")
print(f"{counts['built'] > 100} {counts['refused'] > 500}")
