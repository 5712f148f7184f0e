"""Reads from object storage: how much of a session of 512 MB is fetched to restore a small variable, and to inspect."""

import os

import numpy
import snapcli

import measuring
import object_storage
from measuring import row

MEGABYTE = 1_000_000


def session():
    large = numpy.random.default_rng(1).random(512 * MEGABYTE // 8)
    return {"large": large, "small": {"answer": 42}, **{f"other_{number}": [number] for number in range(100)}}


def run():
    answer, folder, _ = measuring.arguments()
    bucket = os.path.join(folder, "bucket")
    os.mkdir(bucket)
    names = session()
    snapcli.save(os.path.join(bucket, "remote.snaps/"), names, sync=False)
    snapcli.save(os.path.join(bucket, "remote.pkl"), names, sync=False)
    del names
    server = object_storage.Server(bucket)
    try:
        rows = fetched(server)
    finally:
        server.stop()
    title = "Session of 512 MB in object storage: what is fetched"
    measuring.write(answer, [measuring.table(title, ["", "MB", "requests"], rows)])


def fetched(server):
    rows = []
    for name, path in (("a store", "s3://bucket/remote.snaps/"), ("a file", "s3://bucket/remote.pkl")):
        for what, limit, work in (
            ("restore --only small", 1.0, lambda: snapcli.restore(path, only="small", into={}, trust=True)),
            ("inspect", 0.1, lambda: snapcli.inspect(path)),
        ):
            server.counts()
            work()
            counts = server.counts()
            rows.append(row(f"{what} of {name}, MB", counts["sent"] / MEGABYTE, limit, 3, [str(counts["requests"])]))
    return rows


run()
