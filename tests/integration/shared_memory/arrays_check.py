"""Writes through one array and reads it through the others. `loaded` is the namespace."""

import numpy as np


def check(loaded):
    class Names:
        pass

    n = Names()
    n.__dict__.update(loaded)
    assert n.view.base is n.base and n.reversed_view.base is n.base and n.frozen.base is n.base
    n.base[1, 0] = 77
    assert n.view[0, 0] == 77 and n.reversed_view[0, 1] == 77
    assert not n.frozen.flags.writeable and n.base.flags.writeable and n.view.flags.writeable
    assert n.reversed_view.shape == (4, 3) and (n.reversed_view == n.base[::-1].T).all()
    assert n.view.strides == (32, 16) and n.view.dtype == np.dtype("f8")
    assert (n.alone == np.arange(5)).all() and n.alone.flags.writeable
    n.large[15, 3] = 9
    assert n.rows[5, 3] == 9 and n.holder["column"][15] == 9 and n.holder["column"].strides == (8000,)
    assert n.holder["again"][0].base is n.large
    n.left[45] = -1
    assert n.right[5] == -1 and n.left.base is n.right.base is n.apart[0].base and n.left.base.shape == (100,)
    n.first[7] = 3
    assert n.second[2] == 3 and n.third.shape == (10,) and not np.shares_memory(n.first, n.third)
    assert n.repeated.strides == (0, 8) and n.repeated.shape == (1000, 3) and not n.repeated.flags.writeable
    n.records["b"][2] = 4
    assert n.field[2] == 4 and n.field.base is n.records
    assert n.later.base is n.dates and n.later[0] == np.datetime64("2021-01-01")
    assert n.big_endian.dtype == ">i4" and n.inner.base is n.big_endian and list(n.inner) == [1, 2]
    assert n.fortran.flags.f_contiguous and not n.fortran.flags.c_contiguous and n.column.base is n.fortran
    assert list(n.column) == [1, 4]
    n.transposed[1, 0, 0] = 99
    assert n.part[0, 0] == 99 and n.transposed.strides == n.transposed_strides
    n.pair[0][2] = 8
    assert n.pair[1][1] == 8 and n.pair[1].base is n.pair[0]
    n.text[2] = "four"
    assert list(n.words) == ["one", "four"]
    assert n.bits.shape == (8, 8) and n.bits.dtype == "u1"
    assert not n.locked.flags.writeable and n.writable_view.flags.writeable
    n.writable_view[0] = 5
    assert n.locked[1] == 5
    assert n.nothing.shape == (0, 4)
    assert n.thing.weights is n.base and n.thing.bias.base is n.base
    n.base[2, 0] = 66
    assert n.thing.bias[2] == 66
    print("right")
