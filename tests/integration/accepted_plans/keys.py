"""Writes `honest.pkl`, with keys of which many have the same hash by chance, and files whose keys were made to collide."""

import decimal
import fractions
import itertools
import pickle

MODULUS = 2**61 - 1


def honest():
    grids = {size: set(itertools.product(range(-2, 3), repeat=size)) for size in (2, 3, 5, 6)}
    return {
        "honest": [
            grids,
            {point: sum(point) for point in itertools.product((-1, -2), repeat=9)},
            {frozenset(part) for size in range(6) for part in itertools.combinations(range(-8, 8), size)},
            {(fractions.Fraction(-1), fractions.Fraction(number)): number for number in range(-50, 50)},
            {tuple(map(decimal.Decimal, point)) for point in itertools.product((-1, -2), repeat=5)},
            {(name, *point): point for name in "ab" for point in itertools.product((-1, -2, -1.5), repeat=5)},
            {number: -number for number in range(-2000, 2000)},
            dict.fromkeys(float(number) for number in range(-500, 500)),
        ]
    }


def colliding(count=3000):
    return [number * MODULUS + 5 for number in range(1, count)]


FORGED = {
    "tuples": lambda: {(number,): None for number in colliding()},
    "pairs": lambda: {("name", number) for number in colliding()},
    "frozensets": lambda: {frozenset([number]) for number in colliding()},
    "nested": lambda: {((1, (number,)), -1): None for number in colliding()},
    "numbers": lambda: set(colliding()),
    "texts": lambda: {("a", "b", number): None for number in colliding()},
    "fractions": lambda: {fractions.Fraction(number): None for number in colliding()},
    "decimals": lambda: {(decimal.Decimal(number),) for number in colliding()},
}

if __name__ == "__main__":
    with open("honest.pkl", "wb") as file:
        pickle.dump(honest(), file)
    for name, make in FORGED.items():
        # Python itself would compare each key with all others.
        with open(f"{name}.pkl", "wb") as file:
            pickle.dump(make(), file)
