"""Writes all objects to one file: dump.py FILE WRITER, where the writer is a protocol, dill, cloudpickle or joblib."""

import pickle
import sys

import objects

path, writer = sys.argv[1:]
everything = objects.everything()
if writer in ("0", "1"):
    # pandas up to 2 cannot pickle these itself.
    everything.pop("offsets_parts")
    everything.pop("indexes_months")
if writer == "joblib":
    import joblib

    # joblib loads them in the byte order of the machine, and snapcli in that of the file.
    everything.pop("frames_big_endian")

    joblib.dump(everything, path)
elif writer in ("dill", "cloudpickle"):
    with open(path, "wb") as file:
        __import__(writer).dump(everything, file)
else:
    with open(path, "wb") as file:
        pickle.dump(everything, file, int(writer))
with open("writer.txt", "w") as file:
    file.write(writer)
