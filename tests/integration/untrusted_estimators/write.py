"""Writes a pickle of each kind of estimator: `write.py FOLDER VALUES.py`, which has them in VALUES. Each is fitted, and is
the first of its class, or holds others."""

import pathlib
import pickle
import runpy
import sys
import warnings

import joblib

warnings.simplefilter("ignore")
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
seen = set()
for name, value in runpy.run_path(sys.argv[2])["VALUES"].items():
    # One of each class and kind of data, with the first configuration.
    if name.endswith("_new") or type(value).__module__ + name.split("_")[0] in seen and "_0" not in name:
        continue
    seen.add(type(value).__module__ + name.split("_")[0])
    for protocol in 0, 2, 5:
        (folder / f"{name}.{protocol}.pkl").write_bytes(pickle.dumps(value, protocol))
    joblib.dump(value, folder / f"{name}.joblib.pkl")
