"""100,000 instances of a class of the script."""


class Point:
    def __init__(self, x, y, label):
        self.x = x
        self.y = y
        self.label = label


points = [Point(n, n / 3, f"point {n}") for n in range(100_000)]

__import__("measure").run()
