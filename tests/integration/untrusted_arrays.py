# The values of untrusted_arrays.rs, and what must be equal between what CPython's unpickler and snapcli make of them.
import pickle, sys
import numpy as np

NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= '2.0.0'


def arrays():
    values = {}
    for code in '?bBhHiIlLqQefdgFDG':
        for order in '<>':
            dtype = np.dtype(code).newbyteorder(order)
            values[f'number_{ord(code)}_{ord(order)}'] = (np.arange(12) % 2).astype(dtype).reshape(3, 4)
    dates = np.array(['2020-01-01', 'NaT', '1970-01-01'], dtype='M8[D]')
    for unit in ('Y', 'M', 'W', 'D', 'h', 'm', 's', 'ms', 'us', 'ns', 'ps', 'fs', 'as', '25s', '7D'):
        values[f'date_{unit}'] = np.arange(3).view(f'M8[{unit}]')
        values[f'time_{unit}'] = np.arange(3).view(f'm8[{unit}]')
    values['no_unit'] = np.array([1, 2], dtype='m8')
    values['dates'], values['swapped_dates'] = dates, dates.astype('>M8[s]')
    values['text'], values['swapped_text'] = np.array(['a', 'béé', '']), np.array(['x', 'yz'], dtype='>U2')
    values['octets'], values['void'] = np.array([b'a', b'bcd']), np.array([b'ab', b'c'], dtype='V3')
    values['nothing'] = np.zeros(3, np.dtype([('a', 'S0'), ('b', 'i4')]))['a']
    values['no_text'] = np.array([], dtype='U3')
    for shape in ((), (0,), (0, 3), (3, 0), (1,), (1, 1, 1), (2, 3, 4)):
        name = '_'.join(map(str, shape))
        values[f'shape_{name}'] = np.arange(np.prod(shape, dtype=int), dtype='f4').reshape(shape)
    cube = np.arange(24.0).reshape(2, 3, 4)
    values['fortran'], values['transposed'] = np.asfortranarray(cube), cube.transpose(1, 0, 2)
    values['strided'], values['backwards'] = cube[:, ::2, ::-1], cube[::-1]
    values['broadcast'] = np.broadcast_to(np.arange(3), (2, 3))
    values['large'], values['large_swapped'] = np.arange(3000.0), np.arange(3000, dtype='>i4')
    values['large_fortran'] = np.asfortranarray(np.arange(3000).reshape(30, 100))
    values['nan'] = np.array([np.nan, -0.0, np.inf, -np.nan])
    read_only = np.arange(5)
    read_only.setflags(write=False)
    values['read_only'] = read_only
    values['twice'] = [cube, cube]
    values['many_axes'] = np.zeros((1,) * (40 if NUMPY_2 else 32), dtype='i1')
    return values


def structures():
    point = np.dtype([('x', '<f4'), ('y', '>i8')])
    kinds = {
        'point': point, 'aligned': np.dtype([('a', 'i1'), ('b', 'f8'), ('c', 'i2')], align=True),
        'nested': np.dtype([('p', point), ('q', point, (2,)), ('s', 'U3')]),
        'subarrays': np.dtype([('m', 'f4', (2, 3)), ('b', '?', (4,)), ('one', 'i4', (1,))]),
        'titles': np.dtype([(('A title', 'a'), 'i4'), ('b', 'M8[ns]')]),
        'offsets': np.dtype({'names': ['b', 'a'], 'formats': ['i4', 'i2'], 'offsets': [8, 2], 'itemsize': 20}),
        'union': np.dtype({'names': ['i', 'f'], 'formats': ['i4', 'f4'], 'offsets': [0, 0]}),
        'empty': np.dtype([]), 'odd_names': np.dtype([('', 'i4'), ('é ñ', 'i4'), ('__x__', 'i4')]),
    }
    values = {}
    for name, dtype in kinds.items():
        values[f'dtype_{name}'] = dtype
        values[f'array_{name}'] = np.zeros(3, dtype)
        if dtype.itemsize:
            count = 4 * dtype.itemsize
            filled = values[f'filled_{name}'] = (np.arange(count) % 2).astype('u1').view(dtype).reshape(2, 2)
            for field in dtype.names or ():
                # These bytes are no characters.
                if dtype[field].kind == 'U':
                    filled[field] = 'xé'
        if dtype.names:
            values[f'scalar_{name}'] = np.zeros(3, dtype)[1]
    values['dtypes'] = [np.dtype(code) for code in ('f8', '>f8', 'U5', 'S0', 'V7', '?', 'O', 'M8', 'm8[7us]', 'G', '>U2')]
    values['dtype_subarray'] = np.dtype(('f4', (2, 3)))
    values['metadata'] = np.dtype('i4', metadata={'unit': 'm'})
    values['records'] = np.rec.array([(1, 2.0), (3, 4.0)], dtype=[('a', 'i4'), ('b', 'f8')])
    values['record'] = values['records'][1]
    values['mapped'] = np.ndarray.__new__(np.memmap, (2, 3), 'i4')
    values['mapped'][...] = 7
    values['record_dtype'] = values['records'].dtype
    return values


def objects():
    looped = np.empty(2, dtype=object)
    looped[0], looped[1] = looped, [looped]
    mixed = np.empty((2, 3), dtype=object)
    mixed.flat = [1, 'two', None, 4.0, b'5', 2**70]
    nested = np.empty(3, dtype=object)
    nested[0], nested[1], nested[2] = [1, 2], np.arange(3), {'k': (1,)}
    scalars = np.empty(3, dtype=object)
    scalars[0], scalars[1], scalars[2] = np.array(5), np.float64(1.5), np.array([1, [2]], dtype=object)
    fields = [('name', 'U5'), ('what', 'O'), ('count', '>i4'), ('size', 'f8'), ('is', '?'), ('raw', 'S3')]
    rows = np.array([('a', [1], 5, 2.5, True, b'x'), ('b', None, -1, np.inf, False, b'')], dtype=fields)
    shared = [1]
    pair = np.empty(2, dtype=object)
    pair[0] = pair[1] = shared
    return {
        'looped': looped, 'mixed': mixed, 'mixed_fortran': np.asfortranarray(mixed), 'nested': nested,
        'object_scalars': scalars, 'no_objects': np.empty((0, 2), dtype=object),
        'single': np.array(None, dtype=object), 'words': np.array(['a', 'b'], dtype=object), 'pair': [pair, shared],
        'rows': rows, 'rows_fortran': np.asfortranarray(rows.reshape(1, 2)),
    }


def others():
    values = {
        'matrix': np.matrix([[1, 2], [3, 4]]), 'matrix_fortran': np.asfortranarray(np.matrix([[1, 2], [3, 4]])),
        'masked': np.ma.array([1.5, 2.5, 3.5], mask=[0, 1, 0]),
        'masked_fill': np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [1, 0]], fill_value=-7, order='F'),
        'masked_text': np.ma.array(['a', 'b'], mask=[1, 0], fill_value='??'),
        'masked_none': np.ma.array([1, 2]), 'masked_empty': np.ma.array([], dtype='i2'),
        'masked_fields': np.ma.array([(1, 2.0), (3, 4.0)], mask=[(0, 1), (1, 0)], dtype=[('a', 'i4'), ('b', 'f8')]),
        'masked_objects': np.ma.array([[1], 'x', None], mask=[0, 1, 0], dtype=object),
    }
    codes = '?bBhHiIqQefdgFDG'
    values['scalars'] = [np.dtype(code).type(1) for code in codes]
    values['more_scalars'] = [
        np.str_('text é'), np.str_(''), np.bytes_(b'ab'), np.bytes_(b''), np.void(b'abc'), np.datetime64('2020-01-01'),
        np.datetime64('NaT'), np.timedelta64(5, 's'), np.timedelta64(5), np.datetime64('2020-01-01T00:00', '25s'),
    ]
    if NUMPY_2:
        strings = np.dtypes.StringDType
        values['strings'] = np.array(['a', 'a long string that is not short', ''], dtype=strings())
        values['strings_none'] = np.array([['a', None], ['b', 'c']], dtype=strings(na_object=None))
        values['strings_nan'] = np.array(['a', np.nan], dtype=strings(na_object=np.nan, coerce=False))
        values['strings_text'] = np.array(['a', 'missing'], dtype=strings(na_object='missing'))
        values['string_dtypes'] = [strings(), strings(coerce=False), strings(na_object=None)]
    return values


def generators():
    values = {}
    for name in ('PCG64', 'PCG64DXSM', 'MT19937', 'Philox', 'SFC64'):
        class_ = getattr(np.random, name)
        values[f'bits_{name}'] = class_(1)
        values[f'generator_{name}'] = np.random.Generator(class_(2))
        values[f'generator_{name}'].integers(10, size=7, dtype='u4')
        values[f'state_{name}'] = np.random.RandomState(class_(3))
        values[f'state_{name}'].normal()
    values['legacy'] = np.random.RandomState(4)
    values['legacy'].normal(size=3)
    bits = np.random.PCG64(5)
    values['shared_bits'] = [np.random.Generator(bits), np.random.Generator(bits)]
    values['seed'] = np.random.SeedSequence(6)
    values['child'] = np.random.SeedSequence([7, 2**70], spawn_key=(1, 2), pool_size=8).spawn(3)[2]
    return values


def everything():
    return {name: value for make in (arrays, structures, objects, others, generators) for name, value in make().items()}


SETS = {'everything': everything, 'arrays': arrays, 'structures': structures, 'objects': objects, 'others': others, 'generators': generators}


def array_facts(array, seen):
    flags = array.flags
    facts = [array.shape, dtype_facts(array.dtype), flags.c_contiguous, flags.f_contiguous, flags.writeable]
    if isinstance(array, np.ma.MaskedArray):
        facts += [describe(array._mask, seen), repr(array.fill_value), array._fill_value is None, array.baseclass.__name__]
        array = array.data
    if array.dtype.hasobject:
        return facts + [describe(item, seen) for item in array.ravel().tolist()]
    # The strides of an empty array mean nothing.
    return facts + [array.strides if array.size else None, array.tobytes('A')]


def dtype_facts(dtype):
    fields = {name: (dtype_facts(part[0]), *part[1:]) for name, part in (dtype.fields or {}).items()}
    return [repr(dtype), dtype.str, dtype.itemsize, dtype.alignment, dtype.isalignedstruct, dtype.names, fields,
            dtype.hasobject, dtype.type.__name__]


def describe(value, seen=None):
    seen = {} if seen is None else seen
    if isinstance(value, (np.ndarray, list, dict)):
        # Objects are the same in both, or not.
        if id(value) in seen:
            return ('again', seen[id(value)])
        seen[id(value)] = len(seen)
    name = type(value).__name__
    if isinstance(value, np.ndarray):
        return [name, *array_facts(value, seen)]
    if isinstance(value, np.dtype):
        return [name, *dtype_facts(value)]
    if isinstance(value, np.generic):
        return [name, dtype_facts(value.dtype), value.tobytes(), repr(value)]
    if isinstance(value, (list, tuple)):
        return [name, *(describe(item, seen) for item in value)]
    if isinstance(value, dict):
        return [name, *((key, describe(item, seen)) for key, item in value.items())]
    if isinstance(value, np.random.Generator):
        return [name, describe(value.bit_generator), value.random(3).tobytes(), value.integers(9, size=3).tobytes()]
    if isinstance(value, np.random.RandomState):
        return [name, describe(value._bit_generator), value.normal(size=3).tobytes(), value.randint(9, size=3).tobytes()]
    if isinstance(value, np.random.BitGenerator):
        # numpy 1 keeps no seed.
        return [name, repr(value.state), describe(value.seed_seq) if NUMPY_2 else None]
    if isinstance(value, np.random.SeedSequence):
        return [name, repr(value), value.state, value.pool.tobytes()]
    return [name, repr(value)]


def same(wanted, found):
    """Compares two dicts of values, and empties the file's of what is equal."""
    np.seterr(all='ignore')
    assert sorted(found) == sorted(wanted), (sorted(set(wanted) ^ set(found)))
    different = [name for name in wanted if describe(wanted[name]) != describe(found[name])]
    for name in different[:5]:
        pairs = zip(describe(wanted[name]), describe(found[name]))
        print(name, *(pair for pair in pairs if pair[0] != pair[1]), sep='\n    ')
    print('same' if not different else f'different: {different}')


def load(path):
    if path.endswith('.joblib'):
        import joblib
        return joblib.load(path)
    with open(path, 'rb') as file:
        return pickle.load(file)


def dump(name, path, protocol):
    values = SETS[name]()
    if path.endswith('.joblib'):
        import joblib
        # joblib cannot write items that take no bytes, forgets that an array was a matrix, and fills gaps with anything.
        unusual = ('nothing', 'mapped', 'array_empty', 'matrix', 'matrix_fortran', 'array_aligned', 'filled_aligned', 'array_offsets',
                   'filled_offsets')
        values = {name: value for name, value in values.items() if name not in unusual}
        joblib.dump(values, path, protocol=protocol)
    elif path.endswith('.dill'):
        import dill
        # dill cannot write an array that holds itself.
        values.pop('looped', None)
        with open(path, 'wb') as file:
            dill.dump(values, file, protocol=protocol)
    else:
        with open(path, 'wb') as file:
            pickle.dump(values, file, protocol)


def check(path, found):
    wanted = load(path)
    same(wanted, {name: found[name] for name in wanted if name in found})
