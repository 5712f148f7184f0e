//! Verdicts on pickles that are written by hand. The large corpora of honest and hostile files are in
//! `tests/integration`.

use super::nested_pickles::MAX_NESTED;
use super::*;
use crate::pickle::samples;

fn verdict(bytes: &[u8]) -> Verdict {
    Verdict::of_bytes(bytes, &WorkBudget::new(bytes.len() as u64, None))
}

pub(super) fn class(bytes: &[u8]) -> VerdictClass {
    verdict(bytes).class
}

/// The worst finding, as `callee arguments why`.
pub(super) fn worst(bytes: &[u8]) -> String {
    let verdict = verdict(bytes);
    let finding = verdict.worst().next().cloned();
    finding.map_or_else(String::new, |finding| format!("{}{} {}", finding.callee, finding.arguments, finding.why))
}

/// `module name` on the stack.
pub(super) fn name(module: &str, name: &str) -> Vec<u8> {
    [b"X", &(module.len() as u32).to_le_bytes()[..], module.as_bytes(), &string(name), b"\x93"].concat()
}

pub(super) fn string(string: &str) -> Vec<u8> {
    [b"X", &(string.len() as u32).to_le_bytes()[..], string.as_bytes()].concat()
}

pub(super) fn call(function: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    [function, b"(", &arguments.concat(), b"tR"].concat()
}

pub(super) fn whole(parts: &[&[u8]]) -> Vec<u8> {
    [&parts.concat()[..], b"."].concat()
}

/// A function that the pickle defines.
fn function() -> Vec<u8> {
    call(&name("dill._dill", "_create_function"), &[&call(&name("dill._dill", "_create_code"), &[b"K\x01"]), b"}"])
}

/// A class that the pickle defines, with one method.
fn made_class(method: &str, value: &[u8]) -> Vec<u8> {
    let object = [b"(", &name("builtins", "object")[..], b"t"].concat();
    let namespace = [b"}", &string(method)[..], value, b"s"].concat();
    let meta = name("builtins", "type");
    call(&name("dill._dill", "_create_type"), &[&meta, &string("C"), &object, &namespace])
}

#[test]
fn plain_data_is_plain() {
    for pickle in samples::DICTS {
        assert_eq!(verdict(pickle), Verdict::default());
    }
    assert_eq!(class(&whole(&[&call(&name("datetime", "date"), &[b"C\x04\x07\xe4\x01\x01"])])), VerdictClass::Plain);
}

#[test]
fn an_honest_session_rebuilds_code() {
    assert_eq!(verdict(samples::SESSION).class, VerdictClass::Code, "{:#?}", verdict(samples::SESSION));
    assert_eq!(verdict(samples::CLOUDPICKLE).class, VerdictClass::Code, "{:#?}", verdict(samples::CLOUDPICKLE));
}

#[test]
fn a_finding_names_callee_arguments_and_offset() {
    let verdict = verdict(b"cos\nsystem\n(S'id'\ntR.");
    let expected = Finding {
        class: VerdictClass::Dangerous,
        offset: 19,
        callee: "os.system".to_owned(),
        arguments: "('id')".to_owned(),
        why: "runs commands or changes the system".to_owned(),
        count: 1,
    };
    assert_eq!((verdict.class, verdict.findings), (VerdictClass::Dangerous, vec![expected]));
}

#[test]
fn attributes_are_followed_to_the_callee() {
    let os = call(&name("dill._dill", "_import_module"), &[&string("os")]);
    let got = call(&name("builtins", "getattr"), &[&os, &string("system")]);
    let expected = "os.system('id') runs commands or changes the system";
    assert_eq!(worst(&whole(&[&call(&got, &[&string("id")])])), expected);
    let getter = call(&call(&name("operator", "attrgetter"), &[&string("system")]), &[&os]);
    assert_eq!(worst(&whole(&[&call(&getter, &[&string("id")])])), expected);
    let method = call(&name("operator", "methodcaller"), &[&string("system"), &string("id")]);
    assert!(worst(&whole(&[&call(&method, &[&os])])).starts_with("os.system("));
    let partial = call(&name("functools", "partial"), &[&name("os", "system"), &string("id")]);
    assert!(worst(&whole(&[&call(&partial, &[])])).starts_with("os.system('id')"));
    // Reading an attribute is no call.
    assert_eq!(class(&whole(&[&got])), VerdictClass::Calls);
    assert_eq!(class(&whole(&[&partial])), VerdictClass::Calls);
}

#[test]
fn a_function_in_the_pickle_may_be_made_but_not_called() {
    assert_eq!(class(&whole(&[&function()])), VerdictClass::Code);
    assert!(worst(&whole(&[&call(&function(), &[])])).ends_with("calls a function that is defined in the pickle"));
    // A decorator takes it, and does not call it.
    let cached = call(&call(&name("functools", "lru_cache"), &[b"K\x0a", b"\x89"]), &[&function()]);
    assert_eq!(class(&whole(&[&cached])), VerdictClass::Code);
    assert_eq!(class(&whole(&[&call(&cached, &[])])), VerdictClass::Dangerous);
}

#[test]
fn a_class_in_the_pickle_makes_instances_and_is_not_called() {
    let class_of = |method: &str, value: &[u8], rest: &[u8]| class(&whole(&[&made_class(method, value), rest]));
    assert_eq!(class_of("go", &function(), b")\x81}b"), VerdictClass::Code);
    assert_eq!(class_of("go", &function(), b")R"), VerdictClass::Dangerous);
    assert_eq!(class_of("__setstate__", &function(), b")\x81}b"), VerdictClass::Code);
    assert_eq!(class_of("__setstate__", &name("os", "system"), b")\x81}b"), VerdictClass::Dangerous);
    let code =
        call(&name("dill._dill", "_create_code"), &[&[b"(", &string("os")[..], &string("system"), b"t"].concat()]);
    let harmful = call(&name("dill._dill", "_create_function"), &[&code, b"}"]);
    assert_eq!(class_of("__setstate__", &harmful, b")\x81}b"), VerdictClass::Dangerous);
    assert!(
        worst(&whole(&[&made_class("__del__", &harmful), b")\x810N"]))
            .contains("its __del__() runs when an instance is freed")
    );
}

#[test]
fn extensions_and_persistent_ids_are_dangerous() {
    for pickle in
        [&b"\x82\x01."[..], b"\x83\x01\x00.", b"\x84\x01\x00\x00\x00.", b"Pid\n.", b"K\x01Q.", b"](\x82\x01e."]
    {
        assert_eq!(class(pickle), VerdictClass::Dangerous, "{pickle:?}");
    }
}

#[test]
fn nested_pickles_are_judged() {
    let blob = |bytes: &[u8]| [b"B", &(bytes.len() as u32).to_le_bytes()[..], bytes].concat();
    let loads = |bytes: &[u8]| whole(&[&call(&name("pickle", "loads"), &[&blob(bytes)])]);
    assert_eq!(class(&loads(b"N.")), VerdictClass::Calls);
    let expected = "os.system('id') in a nested pickle: runs commands or changes the system";
    assert_eq!(worst(&loads(b"cos\nsystem\n(S'id'\ntR.")), expected);
    let mut deep = b"N.".to_vec();
    for _ in 0..=MAX_NESTED {
        deep = loads(&deep);
    }
    assert_eq!(class(&deep), VerdictClass::Dangerous);
}

#[test]
fn a_pickle_after_the_first_is_judged_too() {
    assert_eq!(class(b"N.cos\nsystem\n(S'id'\ntR."), VerdictClass::Dangerous);
    assert_eq!(class(b"N.K\x01."), VerdictClass::Plain);
    // Other bytes do not, because no program loads them.
    assert_eq!(class(b"N.not a pickle at all"), VerdictClass::Plain);
}

#[test]
fn findings_are_listed_once_and_the_worst_of_many_stay() {
    let mut pickle = Vec::new();
    for _ in 0..3 {
        pickle.extend(b"cos\nsystem\n(S'id'\ntR0");
    }
    for number in 0..2 * MAX_FINDINGS {
        pickle.extend(format!("cmine\nf{number}\n)R0").bytes());
    }
    pickle.extend(b"cposix\nsystem\n(S'id'\ntR.");
    let verdict = verdict(&pickle);
    let worst: Vec<_> = verdict.worst().map(|finding| (finding.callee.as_str(), finding.count)).collect();
    assert_eq!(worst, [("os.system", 3), ("posix.system", 1)]);
    assert_eq!(verdict.findings.len(), MAX_FINDINGS);
    // All but two are mild, and the import of their module is one more.
    assert_eq!(verdict.more as usize, 2 * MAX_FINDINGS + 1 + 2 - MAX_FINDINGS);
}

#[test]
fn what_was_searched_once_still_does_harm_when_it_is_given_more() {
    // A list that is an argument, and again after it was given a function that does harm.
    let harmful =
        [&b"cm\nf\n\x940]\x940h\x00h\x01\x85R0h\x01"[..], &name("os", "system"), b"a0h\x00h\x01\x85R."].concat();
    assert_eq!(class(&harmful), VerdictClass::Dangerous);
    // Too deep for the first call, and not for the second.
    let deep =
        [&b"cm\nf\n\x940"[..], &name("os", "system"), b"\x85\x85\x940h\x00h\x01\x85\x85\x85\x85R0h\x00h\x01\x85R."];
    assert_eq!(class(&deep.concat()), VerdictClass::Dangerous);
}

#[test]
fn a_verdict_from_an_existing_run_is_the_same() {
    for pickle in samples::all() {
        let (machine, value) = Machine::run(pickle).expect("a pickle");
        assert_eq!(Verdict::of_run(pickle, &Labels::new(&machine), value), verdict(pickle));
    }
}

/// An instance of `collections.Counter`, which has a `__dict__`.
fn counter() -> Vec<u8> {
    [&name("collections", "Counter")[..], b")R\x94"].concat()
}

#[test]
fn a_namespace_that_an_object_is_given_is_judged_until_the_end() {
    let set =
        |namespace: &[u8]| call(&name("builtins", "object.__setattr__"), &[b"h\x00", &string("__dict__"), namespace]);
    let method = [&string("__setstate__")[..], &name("builtins", "eval")].concat();
    let (method, build) = (method.as_slice(), b"K\x01b".as_slice());
    // The namespace has the method from the beginning, or gets it afterwards.
    let given = whole(&[&counter(), &set(&[b"}", method, b"s"].concat()), b"0", build]);
    let later = whole(&[&counter(), &set(b"}\x94"), b"0h\x01", method, b"s0", build]);
    // The object is its own namespace, so that its items are attributes.
    let item = whole(&[&counter(), &set(b"h\x00"), b"0", method, b"s", build]);
    let update = call(&name("builtins", "dict.update"), &[b"h\x00", &[b"}", method, b"s"].concat()]);
    let updated = whole(&[&counter(), &set(b"h\x00"), b"0", &update, b"0", build]);
    for pickle in [given, later, item, updated] {
        assert_eq!(class(&pickle), VerdictClass::Dangerous, "{}", worst(&pickle));
    }
    let honest = whole(&[&counter(), &set(&[b"}", &string("name")[..], b"K\x01s"].concat()), b"0"]);
    assert!(class(&honest) < VerdictClass::Dangerous, "{}", worst(&honest));
}

#[test]
fn only_objects_of_the_pickle_are_filled() {
    let fill =
        |target: &[u8]| whole(&[&call(&name("builtins", "dict.update"), &[target, b"}X\x01\x00\x00\x00aK\x01s"])]);
    assert_eq!(class(&fill(&name("builtins", "__dict__"))), VerdictClass::Dangerous);
    assert!(class(&fill(b"}")) < VerdictClass::Dangerous);
}

#[test]
fn the_new_of_a_builtin_class_makes_plain_objects_of_plain_classes() {
    let made = |class: &[u8]| whole(&[&call(&name("builtins", "ValueError.__new__"), &[class, b"K\x01"])]);
    assert!(class(&made(&name("builtins", "ValueError"))) < VerdictClass::Dangerous);
    assert_eq!(class(&made(&name("subprocess", "Popen"))), VerdictClass::Dangerous);
}

/// A namespace with one attribute.
fn namespace(attribute: &str, value: &[u8]) -> Vec<u8> {
    [&call(&name("types", "SimpleNamespace"), &[])[..], b"}", &string(attribute)[..], value, b"sb"].concat()
}

#[test]
fn a_constructor_that_calls_methods_of_its_arguments_is_plain_with_literals_only() {
    let error = |arguments: &[&[u8]]| class(&whole(&[&call(&name("json.decoder", "JSONDecodeError"), arguments)]));
    let (message, program) = (string("m"), string("/tmp/evil"));
    assert_eq!(error(&[&message, &string("{"), b"K\x00"]), VerdictClass::Plain);
    for method in [name("subprocess", "call"), function()] {
        assert!(error(&[&message, &namespace("count", &method), &program]) >= VerdictClass::Calls);
    }
    let dict = call(&name("weakref", "WeakKeyDictionary"), &[&namespace("items", &name("os", "getcwd"))]);
    assert!(class(&whole(&[&dict])) >= VerdictClass::Calls);
    assert_eq!(class(&whole(&[&call(&name("weakref", "WeakKeyDictionary"), &[])])), VerdictClass::Plain);
}

#[test]
fn a_weak_reference_with_a_function_is_not_plain() {
    let object = call(&name("collections", "UserDict"), &[]);
    for reference in ["ref", "KeyedRef", "WeakMethod"] {
        let reference = name("weakref", reference);
        let made = |callback: &[u8]| class(&whole(&[&call(&reference, &[&object, callback, b"K\x01"])]));
        assert!(made(b"N") < VerdictClass::Dangerous);
        assert!(made(&function()) >= VerdictClass::Calls);
        assert_eq!(made(&name("os", "system")), VerdictClass::Dangerous);
        // One without a callback does not hide the next one.
        let arguments = [b"(", &object[..], &function(), b"K\x01t\x81"].concat();
        let second = whole(&[&reference, b"\x94(", &object, b"t\x810h\x00", &arguments]);
        assert!(class(&second) >= VerdictClass::Calls);
    }
}

#[test]
fn a_weak_container_is_only_started_empty() {
    for container in ["WeakSet.__init__", "WeakKeyDictionary.__init__", "WeakValueDictionary.__init__"] {
        let init = name("weakref", container);
        let object = [&made_class("go", &function())[..], b")\x81"].concat();
        assert_eq!(class(&whole(&[&call(&init, &[&object])])), VerdictClass::Calls);
        assert_eq!(class(&whole(&[&call(&init, &[&object, b"]"])])), VerdictClass::Dangerous);
        let updates = namespace("update", &name("os", "system"));
        assert_eq!(class(&whole(&[&call(&init, &[&updates])])), VerdictClass::Dangerous);
    }
}

#[test]
fn a_state_that_torch_sets_is_not_plain() {
    let state = [b"}", &string("__setstate__")[..], &function(), b"s"].concat();
    let set = call(&name("torch._utils", "_set_obj_state"), &[&namespace("a", b"K\x01"), &state]);
    assert!(class(&whole(&[&set])) >= VerdictClass::Calls);
}

#[test]
fn a_method_of_object_under_another_name_is_dangerous() {
    let setter = name("builtins", "object.__setattr__");
    let set = |attribute: &str, value: &[u8]| {
        let class_in_memo = [&made_class("go", &function())[..], b"\x940"].concat();
        let set = call(&name("builtins", "setattr"), &[b"h\x00", &string(attribute), value]);
        class(&whole(&[&class_in_memo, &set]))
    };
    assert_eq!(set("__setattr__", &setter), VerdictClass::Code);
    assert_eq!(set("__getattr__", &name("builtins", "dict.__getitem__")), VerdictClass::Code);
    assert_eq!(set("__setitem__", &setter), VerdictClass::Dangerous);
    assert_eq!(set("append", &name("builtins", "dict.__setitem__")), VerdictClass::Dangerous);
    let instance = |attribute: &str| class(&whole(&[&made_class(attribute, &setter), b")\x81"]));
    assert_eq!(instance("__setattr__"), VerdictClass::Code);
    assert_eq!(instance("__setitem__"), VerdictClass::Dangerous);
}
