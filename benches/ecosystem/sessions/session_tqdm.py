"""A bar that ended, and one that shows nothing."""

import sys

from tqdm import tqdm

bar = tqdm(range(3), desc="work", file=sys.stdout, ascii=True)
for _ in bar:
    pass
dis = tqdm([1, 2], disable=True)

CHECKS = {
    "bar": "bar.n, bar.total, bar.desc, list(bar.iterable)",
    "dis": "dis.n, dis.disable, list(dis)",
}
