# Reads the arrays of joblib up to 0.9, which are in files beside the pickle (joblib/numpy_pickle_compat.py).

import os
import pickle
import zlib


class NDArrayWrapper:
    def read(self, load):
        # Objects in the array are another pickle.
        array = load.numpy.load(load.path(self.filename), allow_pickle=True)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        is_subclass = self.subclass not in (load.numpy.ndarray, load.numpy.memmap)
        return array.view(self.subclass) if is_subclass else array


class ZNDArrayWrapper(NDArrayWrapper):
    def read(self, load):
        subclass, shape, code = self.init_args
        array = load.numpy.ndarray.__new__(subclass, shape, code)
        with open(load.path(self.filename), "rb") as file:
            header, rest = file.read(21), file.read()
        length = int(header[2:].rstrip(b" L"), 16)
        # A header of Python 2 is one space longer.
        decompressor = zlib.decompressobj()
        contents = decompressor.decompress(rest[rest.startswith(b" "):], length + 1)
        if len(contents) != length:
            raise ValueError(f"the array file {self.filename} is damaged: copy it again")
        array.__setstate__((*self.state, contents))
        return array


class Unpickler(pickle._Unpickler):
    def __init__(self, file, find_class, directory):
        super().__init__(file)
        self.found, self.directory = find_class, directory
        self.numpy = __import__("numpy")

    def find_class(self, module, name):
        if name in ("NDArrayWrapper", "ZNDArrayWrapper") and "joblib" in module:
            return globals()[name]
        return self.found(module, name)

    def path(self, name):
        if self.directory is None:
            raise FileNotFoundError("joblib saved its arrays in files beside it: restore it by its path, not from a pipe")
        path = os.path.join(self.directory, name)
        if os.path.basename(name) != name or not os.path.isfile(path):
            raise FileNotFoundError(f"the array file {name} is not beside it: joblib saved its arrays in files of their own, copy these, too")
        return path

    dispatch = pickle._Unpickler.dispatch.copy()

    def load_build(self):
        super().load_build()
        if isinstance(self.stack[-1], NDArrayWrapper):
            self.stack.append(self.stack.pop().read(self))

    dispatch[pickle.BUILD[0]] = load_build
