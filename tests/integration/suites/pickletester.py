# CPython's own pickling tests (test.pickletester) at protocol 5, against snapcli's dumps and dump.
import pickle
import sys
import unittest

from test import pickletester

import snapcli

pickletester.protocols = [5]

# Tests that are left out, and why.
SKIPPED = {
    "test_c_methods": "expects that some methods cannot be pickled; dill's functions pickle them",
    "test_py_methods": "expects that some methods cannot be pickled; dill's functions pickle them",
    "test_local_lookup_error": "expects that local functions cannot be pickled; dill's functions pickle them",
    "test_in_band_buffers": "counts opcodes; dill writes a class method with its function's code, which has some more",
    "test_oob_buffers": "counts opcodes, as test_in_band_buffers; test_dumps_loads_oob_buffers checks the buffers",
    "test_newobj_proxies": "expects a weak proxy to come back as its object; dill keeps it a weak proxy",
    "test_compat_pickle": "about protocols 0 to 2, which are dill's, and dill writes builtins its own way",
    "test_pickle_to_2x": "about protocol 2, which is dill's, and dill writes range its own way",
}


class SnapcliPickleTests(pickletester.AbstractPickleTests, unittest.TestCase):
    pickler = pickle._Pickler
    unpickler = pickle._Unpickler

    def dumps(self, arg, proto=None, **options):
        options.pop("fix_imports", None)
        return snapcli.dumps(arg, 5 if proto is None else proto, **options)

    def loads(self, buf, **options):
        return pickle.loads(buf, **options)


class SnapcliModuleTests(pickletester.AbstractPickleModuleTests, unittest.TestCase):
    dump = staticmethod(snapcli.dump)
    dumps = staticmethod(snapcli.dumps)
    load = staticmethod(pickle.load)
    loads = staticmethod(pickle.loads)
    Pickler = pickle._Pickler
    Unpickler = pickle._Unpickler


for case in (SnapcliPickleTests, SnapcliModuleTests):
    for name, reason in SKIPPED.items():
        if hasattr(case, name):
            setattr(case, name, unittest.skip(reason)(getattr(case, name)))

result = unittest.main(exit=False, argv=["pickletester"] + sys.argv[1:]).result
sys.exit(0 if result.wasSuccessful() else 1)
