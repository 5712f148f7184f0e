"""Ten small variables as sessions have them. `fixed.py` measures how long saving them takes."""

import dataclasses
import datetime
import runpy

import numpy as np
import pandas as pd


def area(width, height=2):
    return width * height


class Model:
    def __init__(self, rate):
        self.rate = rate
        self.steps = []

    def step(self, size):
        self.steps.append(self.rate * size)


@dataclasses.dataclass
class Settings:
    name: str
    depth: int = 3


model = Model(0.1)
frame = pd.DataFrame({"x": range(20), "y": [n / 2 for n in range(20)]})
array = np.arange(50.0)
began = datetime.datetime(2026, 1, 2, 3, 4, 5)
history = {"loss": [0.5, 0.25, 0.125], "accuracy": [0.6, 0.7, 0.8]}
settings = Settings("first")
words = {"a", "small", "set", "of", "words"}

runpy.run_path(
    __file__.replace("session_mixed", "fixed"), {"KIND": "functions, classes, a frame and an array among them"}
)
