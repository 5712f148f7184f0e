//! A row of the registry: its columns, and the functions that the tables write rows with.
//!
//! A row leaves out its empty columns: `known(&["os.path"], &["join"]).effect(…)`.

use crate::pickle::build_plan::Builder;

/// The facts about `module.name`, for each of these modules and each of these names.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownGlobal {
    pub(super) modules: &'static [&'static str],
    pub(super) names: &'static [&'static str],
    pub(super) makes: Option<Makes>,
    pub(super) effect: Option<Effect>,
    /// How our own code makes the result of a call, for an untrusted file.
    pub(super) builder: Option<Builder>,
    /// Whether a file that is not trusted may have it as a value, although no call of it is built.
    pub(super) is_value: bool,
    pub(super) canonical: Option<CanonicalCall>,
    /// The module that people import a class from, if pickles name another one.
    pub(super) exported_by: Option<&'static str>,
    /// The type of the value, if the name belongs to a singleton and not to a callable.
    pub(super) singleton: Option<&'static str>,
    pub(super) traits: &'static [Trait],
}

/// The rule for the type of a call's result, in `inspect` and `diff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum Makes {
    /// An object of this type.
    Type(&'static str),
    /// An instance of the class in this argument.
    InstanceOf(usize),
    /// A numpy scalar of the dtype in the first argument.
    Scalar,
    /// The value of the first argument, a `repr`.
    Repr,
    /// The class that the first argument names, as in `types`.
    NamedClass,
    /// A new class.
    Class(NewClass),
    /// The result of calling the first argument with the tuple in the second.
    Call,
    /// The attribute of the first argument that the second one names.
    Attribute,
    /// A member of a built-in type, whose `repr` is the third argument.
    Descriptor,
    /// A subscript of the first argument: `typing.Union[…]`.
    Subscript,
    /// The decorator that `functools.lru_cache` returns, or the function that this decorator returns.
    Decorator,
}

/// The arguments that name a new class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) struct NewClass {
    pub name: usize,
    /// The module, or the dict that has it under `__module__`.
    pub module: usize,
}

/// The effect of a call on its arguments: the rule for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum Effect {
    /// Makes plain data.
    Data,
    /// Makes cells, descriptors and wrappers of functions, without calling any.
    Code,
    /// Makes a function from code in the pickle.
    Function,
    /// Makes a code object.
    CodeObject,
    /// Makes a class.
    Class(ClassArguments),
    /// Imports the module that the first argument names.
    Import,
    /// Reads the attribute of the first argument that the second one names.
    GetAttr,
    /// Makes plain data of literals, and may call methods of any other argument.
    OfLiterals,
    /// Makes a reference, which calls the second argument when the object dies.
    Reference,
    /// The `__init__` of a container, which sets attributes of the first argument and may call its `update`.
    Init,
    /// Changes the first argument.
    SetAttr,
    /// Adds the items of a literal dict or list, the second argument, to the first argument.
    Fills,
    /// Finds a built-in type by its name in `types` or `builtins`.
    NamedType,
    /// Evaluates a string; only strings that dill writes are allowed.
    Eval,
    /// Executes a statement; only a lazy import is allowed, which our own pickler writes.
    Execute,
    /// Loads the pickle in the first argument.
    Load,
    /// Makes an instance of the class in this argument, without calling its `__init__`.
    New(usize),
    /// Makes an instance of the class in the first argument, and calls the `__init__` of the class in the second.
    Reconstruct,
    /// Makes a description of a module, which imports nothing by itself.
    ImportSpec,
    /// Calls the callable in this argument at once.
    Calls(usize),
    /// Calls the callable in this argument with the tuple in the argument after it.
    CallsWith(usize),
    /// Makes an iterator that calls the first argument for each item.
    Lazy,
    /// `iter`: as `Lazy` with two arguments, else as `Data`.
    Iterates,
    /// `functools.partial`.
    Partial,
    /// `operator.attrgetter`.
    AttrGetter,
    /// `operator.methodcaller`.
    MethodCaller,
    /// `functools.lru_cache`: makes a decorator, or decorates its first argument.
    Decorator,
    /// Opens a file.
    OpenFile,
    /// Makes an array over a buffer that it is given; harmless as the class of an array without a buffer.
    Memory,
}

/// The arguments that make a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) struct ClassArguments {
    /// The metaclass, if it is an argument.
    pub meta: Option<usize>,
    pub bases: Option<usize>,
    pub namespace: Option<usize>,
    pub call: ClassCall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum ClassCall {
    /// By a helper of dill, cloudpickle or `collections`.
    Helper,
    /// By `type` or the `__new__` of a metaclass: with one argument, `type` returns the class of that instead.
    Type,
    /// By `types.new_class`: the metaclass is a keyword, and a function fills the namespace.
    NewClass,
}

/// How a call compares in `diff`: which opcode or which other call makes the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum CanonicalCall {
    /// EMPTY_SET and ADDITEMS.
    Set,
    /// FROZENSET.
    FrozenSet,
    /// A call with the members of a set, in any order, as a sequence.
    SetOfMembers,
    /// A list of strings, if the separator is the one of our own pickler.
    JoinedStrings,
    /// BYTEARRAY8.
    ByteArray,
    /// BINBYTES, without arguments.
    EmptyBytes,
    /// BINBYTES: protocols before 3 encode a string in Latin-1.
    EncodedBytes,
    /// NEWOBJ.
    NewObj,
    /// NEWOBJ without arguments, if the second argument is `object`.
    Reconstructor,
    /// The global `package.module`, if the module is within a package.
    Submodule,
    /// The global that dill's `_load_type` finds.
    NamedType,
    /// A numpy array: (buffer, dtype, shape, order).
    ArrayFromBuffer,
    /// A numpy array whose BUILD has (version, shape, dtype, is Fortran, data).
    ArrayFromState,
    /// A numpy array: (callable, arguments, state, rest), with the same state.
    ArrayByDill,
    /// A masked array, whose default fill value does not count.
    MaskedArray,
    /// A code object: the file and the lines where it was written do not count.
    Code,
    /// An immutable value: two equal ones are indistinguishable.
    Constant,
    /// A dict whose order counts.
    OrderedDict,
}

/// Yes-or-no facts about a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trait {
    /// A function that pickles call, and that is no value in a file that is not trusted.
    OnlyCalled,
    /// A call makes code objects, or functions that have one, which only the same version of Python runs.
    MakesCode,
    /// A call does harm, in a module that is not dangerous as a whole.
    Dangerous,
    /// A metaclass that runs no code but its own library's.
    Metaclass,
    /// Honest pickles call subclasses of it, to make instances.
    CalledBase,
    /// A call returns a class of its library, and honest pickles call that.
    MakesClass,
    /// An instance has the items that the pickle adds to it, and no others.
    StartsEmpty,
    /// dill's function to import a module, also the one whose session is saved.
    ImportsModule,
    /// dill's name for the namespace of the session.
    SessionNamespace,
    /// `getattr`.
    GetsAttribute,
    /// cloudpickle's function to give a class its attributes.
    FillsClass,
    /// `numpy.dtype`.
    Dtype,
    /// Makes numpy's dtype of strings of any length.
    StringDtype,
    /// joblib writes an instance of this class for an array.
    ArrayWrapper,
}

impl KnownGlobal {
    pub(super) const fn makes(self, makes: Makes) -> Self {
        Self { makes: Some(makes), ..self }
    }

    pub(super) const fn effect(self, effect: Effect) -> Self {
        Self { effect: Some(effect), ..self }
    }

    /// Callables whose results our own code makes for a file that is not trusted.
    pub(super) const fn builds(self, builder: Builder) -> Self {
        Self { builder: Some(builder), ..self }
    }

    /// A class or a singleton that a file may refer to, and that nothing calls while it is loaded.
    pub(super) const fn as_value(self) -> Self {
        Self { is_value: true, ..self }
    }

    pub(super) const fn canonical(self, canonical: CanonicalCall) -> Self {
        Self { canonical: Some(canonical), ..self }
    }

    pub(super) const fn exported_by(self, module: &'static str) -> Self {
        Self { exported_by: Some(module), ..self }
    }

    pub(super) const fn singleton(self, type_name: &'static str) -> Self {
        Self { singleton: Some(type_name), ..self }
    }

    pub(super) const fn traits(self, traits: &'static [Trait]) -> Self {
        Self { traits, ..self }
    }
}

/// A row with its names only.
pub(super) const fn known(modules: &'static [&'static str], names: &'static [&'static str]) -> KnownGlobal {
    KnownGlobal {
        modules,
        names,
        makes: None,
        effect: None,
        builder: None,
        is_value: false,
        canonical: None,
        exported_by: None,
        singleton: None,
        traits: &[],
    }
}

/// A row of callables that make plain data. Whether an untrusted file may have them made depends on their builder.
pub(super) const fn data(modules: &'static [&'static str], names: &'static [&'static str]) -> KnownGlobal {
    known(modules, names).effect(Effect::Data)
}

/// A row of functions that do harm.
pub(super) const fn dangerous(modules: &'static [&'static str], names: &'static [&'static str]) -> KnownGlobal {
    known(modules, names).traits(&[Trait::Dangerous])
}

pub(super) const fn class(
    call: ClassCall,
    meta: Option<usize>,
    bases: Option<usize>,
    namespace: Option<usize>,
) -> Effect {
    Effect::Class(ClassArguments { meta, bases, namespace, call })
}

pub(super) const fn new_class(name: usize, module: usize) -> Makes {
    Makes::Class(NewClass { name, module })
}
