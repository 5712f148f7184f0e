"""What writes JSON and YAML, and what was read."""

import functools
import io

import orjson
import ruamel.yaml
import yaml

frag = orjson.Fragment(b'{"n":1}')
dumper = functools.partial(orjson.dumps, option=orjson.OPT_SORT_KEYS, default=str)
loaded = yaml.safe_load("a: [1, 2.5, 2024-01-01]\nb: &x {c: null}\nd: *x\n")
kept = ruamel.yaml.YAML().load("# first\nb: 1  # one\na: [x, y]\n")

CHECKS = {
    "frag": "orjson.dumps([frag])",
    "dumper": "dumper({'b': 1 + 2j, 'a': [None]})",
    "loaded": "loaded, loaded['b'] is loaded['d']",
    "kept": "(stream := io.StringIO(), ruamel.yaml.YAML().dump(kept, stream)) and stream.getvalue(), list(kept)",
}
