//! Rules that hold for the registry as a whole, and look-ups by example.

use std::collections::HashMap;

use super::danger::is_dangerous;
use super::renames::{current_name, same_module};
use super::untrusted::may_import;
use super::*;

#[test]
fn no_global_has_two_rows() {
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    for global in TABLES.into_iter().flatten().flat_map(globals) {
        *seen.entry(global).or_default() += 1;
    }
    let twice: Vec<_> = seen.into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn only_classes_and_makers_of_data_are_built() {
    for row in
        TABLES.into_iter().flatten().filter(|row| row.builder.is_some() && !row.traits.contains(&Trait::OnlyCalled))
    {
        let makes_data = match row.effect {
            None | Some(Effect::Data | Effect::New(0) | Effect::Reconstruct) => true,
            // Other arguments than literals, and callbacks, are no plain data.
            Some(Effect::OfLiterals | Effect::Reference) => true,
            Some(Effect::Memory) => row.modules.iter().all(|module| module.starts_with("numpy")),
            Some(Effect::Calls(1)) => row.modules == ["numpy.random._pickle"],
            // Of `or_` and classes alone.
            Some(Effect::Calls(0)) => row.names == ["reduce"],
            Some(Effect::CallsWith(0)) => row.names == ["_create_array"],
            Some(_) => false,
        };
        let globals = globals(row);
        let dangerous: Vec<bool> = globals.map(|(module, name)| is_dangerous(module, name)).collect();
        // `dill`, `joblib` and `threading` are dangerous as a whole, and these are their exceptions.
        // joblib names `memmap` as the class of an array, which is loaded into memory.
        let is_of_joblib = row.traits.contains(&Trait::ArrayWrapper) || row.names == ["memmap"];
        let is_exception = row.effect.is_some() || is_of_joblib;
        assert!(is_exception || !dangerous.contains(&true), "{row:?}");
        assert!(makes_data, "{row:?}");
    }
}

#[test]
fn rows_use_current_names() {
    for (module, name) in TABLES.into_iter().flatten().flat_map(globals) {
        // One function with two names: only the newer one is the result of a translation.
        if !matches!((module, name), ("cPickle", "loads")) {
            assert_eq!(current_name(module, name), (module, name));
        }
    }
}

#[test]
fn diff_knows_modules_that_were_renamed_and_no_others() {
    let renamed = ["__builtin__", "copy_reg", "dill.dill", "numpy.core.numeric"].map(same_module);
    assert_eq!(renamed, ["builtins", "copyreg", "dill._dill", "numpy._core.numeric"]);
    let others = ["exceptions", "multiprocess", "numpy.core", "dill.dills"];
    assert_eq!(others.map(same_module), others);
}

#[test]
fn names_are_written_as_people_write_them() {
    assert_eq!(public_name("builtins", "complex"), "complex");
    assert_eq!(public_name("pandas.core.frame", "DataFrame"), "pandas.DataFrame");
    assert_eq!(public_name("pandas.core.frame", "Other"), "pandas.core.frame.Other");
    assert_eq!(public_name("types", "MethodType"), "method");
    assert_eq!(dtype::scalar_name("f8"), "numpy.float64");
}

#[test]
fn code_and_modules_are_known_by_their_makers() {
    assert!(makes_code("dill._dill", "_create_code") && !makes_code("os", "_create_code"));
    assert!(imports_module("dill.dill", "_import_module"));
    assert_eq!(made_by("numpy.core.multiarray", "_frombuffer"), made_by("numpy._core.numeric", "_frombuffer"));
    assert_eq!(made_by("collections", "deque"), None);
}

#[test]
fn only_makers_of_data_have_that_effect() {
    let makes_data = |module, name| {
        let (module, name) = current_name(module, name);
        effect_of(module, name) == Some(Effect::Data)
    };
    assert!(makes_data("datetime", "date") && makes_data("copy_reg", "x") == makes_data("copyreg", "x"));
    assert!(makes_data("__builtin__", "xrange") && makes_data("exceptions", "KeyError"));
    for (module, name) in [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "map"),
        ("dill._dill", "_create_code"),
        ("functools", "partial"),
        ("pandas", "read_csv"),
        ("collections", "OrderedDict.fromkeys"),
        ("datetime", "sys"),
    ] {
        assert!(!makes_data(module, name), "{module} {name}");
    }
}

#[test]
fn harmful_functions_are_known_by_all_their_names() {
    for (module, name) in [
        ("posix", "system"),
        ("commands", "getoutput"),
        ("__builtin__", "eval"),
        ("dill._dill", "os.system"),
        ("shutil", "os.system"),
        ("datetime", "sys.modules"),
        ("collections", "abc.__builtins__"),
        ("numpy.f2py.crackfortran", "myeval"),
        ("pandas", "eval"),
        ("__builtin__", "intern"),
        ("os.path", "join"),
    ] {
        let (module, name) = current_name(module, name);
        assert!(is_dangerous(module, name), "{module} {name}");
    }
    assert!(!is_dangerous("mine", "make") && !is_dangerous("osmosis", "run"));
}

#[test]
fn only_the_reprs_that_dill_writes_are_evaluated() {
    assert!(["Ellipsis", "range(0, 10)", "range(0, -10, -1)"].iter().all(|repr| is_known_repr(repr)));
    assert!(
        ["range(0, f())", "range()", "__import__('os')", "range(1,2,3,4)", "Ellipsis "]
            .iter()
            .all(|repr| !is_known_repr(repr))
    );
}

#[test]
fn plain_data_is_built() {
    for (module, name) in [
        ("builtins", "set"),
        ("collections", "OrderedDict"),
        ("numpy", "dtype"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy.random._pickle", "__generator_ctor"),
        ("pandas.core.frame", "DataFrame"),
        ("pandas.core.indexes.base", "_new_Index"),
        ("sklearn.pipeline", "Pipeline"),
    ] {
        assert!(is_built(module, name), "{module} {name}");
    }
}

#[test]
fn nothing_that_calls_or_reaches_further_is_built() {
    for (module, name) in [
        ("builtins", "eval"),
        ("builtins", "map"),
        ("cloudpickle", "instance"),
        ("collections", "abc.sys"),
        ("copyreg", "__newobj_ex__"),
        ("dill._dill", "_create_function"),
        ("dill._dill", "_eval_repr"),
        ("functools", "partial"),
        ("functools", "reduce"),
        ("logging", "getLogger"),
        ("numpy", "load"),
        ("operator", "methodcaller"),
        ("pandas", "read_pickle"),
        ("pickle", "loads"),
        ("posix", "system"),
        ("sklearn.linear_model", "os.system"),
        ("sklearn.neighbors._kd_tree", "newObj"),
        ("sklearn.pipeline", "Pipeline.fit"),
        ("sklearn.pipeline", "joblib.os.system"),
        ("sklearn.preprocessing._encoders", "OneHotEncoder"),
        ("sklearn.tree._classes", "DecisionTreeClassifier"),
        ("sklearn.tree._tree", "Tree"),
        ("types", "FunctionType"),
    ] {
        assert!(!is_harmless_value(module, name), "{module} {name}");
        // Of these, recipes know the few calls that honest pickles have.
        let has_recipe = matches!(name, "getattr" | "reduce" | "_eval_repr" | "py_buffer");
        assert!(has_recipe || !is_built(module, name), "{module} {name}");
    }
    assert!(may_import("numpy") && may_import("os.path") && !may_import("mine") && !may_import("antigravity"));
    // Its import reads ./matplotlibrc, writes a cache and starts a program.
    assert!(!may_import("matplotlib.pyplot") && !may_import("seaborn") && !may_import("numpy.f2py"));
}
