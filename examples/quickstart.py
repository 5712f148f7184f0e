"""A small session with the standard library only. One variable in it cannot be saved."""

import sqlite3
import statistics
from collections import Counter
from dataclasses import dataclass

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps"


@dataclass
class Reading:
    sensor: str
    celsius: float


def warm(limit: float) -> list[Reading]:
    return [reading for reading in readings if reading.celsius > limit]


def stored(sensor: str) -> list[tuple]:
    return connection.execute("SELECT celsius FROM readings WHERE sensor = ?", (sensor,)).fetchall()


readings = [Reading("roof", 21.5), Reading("cellar", 11.0), Reading("attic", 27.25)]
words = Counter(TEXT.split())
mean = statistics.mean(reading.celsius for reading in readings)

connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE readings (sensor TEXT, celsius REAL)")
connection.executemany("INSERT INTO readings VALUES (?, ?)", [(r.sensor, r.celsius) for r in readings])

print(f"{len(readings)} readings, {mean:.2f} °C on average, {len(warm(20))} warm ones")
