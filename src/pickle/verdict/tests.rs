//! Verdicts on pickles that were written by hand; the large corpora of honest and hostile files are in
//! `tests/integration`.

use super::*;
use crate::pickle::samples;

fn verdict(bytes: &[u8]) -> Verdict {
    Verdict::of_bytes(bytes)
}

fn class(bytes: &[u8]) -> Class {
    verdict(bytes).class
}

/// The worst finding, as `callee arguments why`.
fn worst(bytes: &[u8]) -> String {
    let verdict = verdict(bytes);
    let finding = verdict.worst().next().cloned();
    finding.map_or_else(String::new, |finding| format!("{}{} {}", finding.callee, finding.arguments, finding.why))
}

/// `module name` on the stack.
fn name(module: &str, name: &str) -> Vec<u8> {
    [b"X", &(module.len() as u32).to_le_bytes()[..], module.as_bytes(), &text(name), b"\x93"].concat()
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn call(function: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    [function, b"(", &arguments.concat(), b"tR"].concat()
}

fn whole(parts: &[&[u8]]) -> Vec<u8> {
    [&parts.concat()[..], b"."].concat()
}

/// A function that the pickle carries.
fn function() -> Vec<u8> {
    call(&name("dill._dill", "_create_function"), &[&call(&name("dill._dill", "_create_code"), &[b"K\x01"]), b"}"])
}

/// A class that the pickle carries, with one method.
fn made_class(method: &str, value: &[u8]) -> Vec<u8> {
    let object = [b"(", &name("builtins", "object")[..], b"t"].concat();
    let namespace = [b"}", &text(method)[..], value, b"s"].concat();
    let meta = name("builtins", "type");
    call(&name("dill._dill", "_create_type"), &[&meta, &text("C"), &object, &namespace])
}

#[test]
fn plain_data_is_plain() {
    for pickle in samples::DICTS {
        assert_eq!(verdict(pickle), Verdict::default());
    }
    assert_eq!(class(&whole(&[&call(&name("datetime", "date"), &[b"C\x04\x07\xe4\x01\x01"])])), Class::Plain);
}

#[test]
fn an_honest_session_rebuilds_code() {
    assert_eq!(verdict(samples::SESSION).class, Class::Code, "{:#?}", verdict(samples::SESSION));
    assert_eq!(verdict(samples::CLOUDPICKLE).class, Class::Code, "{:#?}", verdict(samples::CLOUDPICKLE));
}

#[test]
fn a_finding_names_callee_arguments_and_place() {
    let verdict = verdict(b"cos\nsystem\n(S'id'\ntR.");
    let expected = Finding {
        class: Class::Dangerous,
        offset: 19,
        callee: "os.system".to_owned(),
        arguments: "('id')".to_owned(),
        why: "runs commands or changes the system".to_owned(),
        count: 1,
    };
    assert_eq!((verdict.class, verdict.findings), (Class::Dangerous, vec![expected]));
}

#[test]
fn attributes_are_followed_to_what_is_called() {
    let os = call(&name("dill._dill", "_import_module"), &[&text("os")]);
    let got = call(&name("builtins", "getattr"), &[&os, &text("system")]);
    let expected = "os.system('id') runs commands or changes the system";
    assert_eq!(worst(&whole(&[&call(&got, &[&text("id")])])), expected);
    let getter = call(&call(&name("operator", "attrgetter"), &[&text("system")]), &[&os]);
    assert_eq!(worst(&whole(&[&call(&getter, &[&text("id")])])), expected);
    let method = call(&name("operator", "methodcaller"), &[&text("system"), &text("id")]);
    assert!(worst(&whole(&[&call(&method, &[&os])])).starts_with("os.system("));
    let partial = call(&name("functools", "partial"), &[&name("os", "system"), &text("id")]);
    assert!(worst(&whole(&[&call(&partial, &[])])).starts_with("os.system('id')"));
    // To look is no call.
    assert_eq!(class(&whole(&[&got])), Class::Plain);
    assert_eq!(class(&whole(&[&partial])), Class::Plain);
}

#[test]
fn a_function_that_the_pickle_carries_may_be_made_and_not_called() {
    assert_eq!(class(&whole(&[&function()])), Class::Code);
    assert!(worst(&whole(&[&call(&function(), &[])])).ends_with("calls a function that the pickle carries"));
    // A decorator gets it, and does not call it.
    let cached = call(&call(&name("functools", "lru_cache"), &[b"K\x0a", b"\x89"]), &[&function()]);
    assert_eq!(class(&whole(&[&cached])), Class::Code);
    assert_eq!(class(&whole(&[&call(&cached, &[])])), Class::Dangerous);
}

#[test]
fn a_class_that_the_pickle_carries_makes_instances_and_is_not_called() {
    let class_of = |method: &str, value: &[u8], rest: &[u8]| class(&whole(&[&made_class(method, value), rest]));
    assert_eq!(class_of("go", &function(), b")\x81}b"), Class::Code);
    assert_eq!(class_of("go", &function(), b")R"), Class::Dangerous);
    assert_eq!(class_of("__setstate__", &function(), b")\x81}b"), Class::Code);
    assert_eq!(class_of("__setstate__", &name("os", "system"), b")\x81}b"), Class::Dangerous);
    let code = call(&name("dill._dill", "_create_code"), &[&[b"(", &text("os")[..], &text("system"), b"t"].concat()]);
    let harmful = call(&name("dill._dill", "_create_function"), &[&code, b"}"]);
    assert_eq!(class_of("__setstate__", &harmful, b")\x81}b"), Class::Dangerous);
    assert!(
        worst(&whole(&[&made_class("__del__", &harmful), b")\x810N"])).contains("its __del__() runs when it is freed")
    );
}

#[test]
fn what_is_known_to_the_reader_only_is_dangerous() {
    for pickle in
        [&b"\x82\x01."[..], b"\x83\x01\x00.", b"\x84\x01\x00\x00\x00.", b"Pid\n.", b"K\x01Q.", b"](\x82\x01e."]
    {
        assert_eq!(class(pickle), Class::Dangerous, "{pickle:?}");
    }
}

#[test]
fn pickles_within_pickles_are_looked_into() {
    let blob = |bytes: &[u8]| [b"B", &(bytes.len() as u32).to_le_bytes()[..], bytes].concat();
    let loads = |bytes: &[u8]| whole(&[&call(&name("pickle", "loads"), &[&blob(bytes)])]);
    assert_eq!(class(&loads(b"N.")), Class::Calls);
    let expected = "os.system('id') in a pickle within it: runs commands or changes the system";
    assert_eq!(worst(&loads(b"cos\nsystem\n(S'id'\ntR.")), expected);
    let mut deep = b"N.".to_vec();
    for _ in 0..=MAX_NESTED {
        deep = loads(&deep);
    }
    assert_eq!(class(&deep), Class::Dangerous);
}

#[test]
fn a_second_pickle_behind_the_first_counts() {
    assert_eq!(class(b"N.cos\nsystem\n(S'id'\ntR."), Class::Dangerous);
    assert_eq!(class(b"N.K\x01."), Class::Plain);
    // Other bytes do not: nobody loads them.
    assert_eq!(class(b"N.not a pickle at all"), Class::Plain);
}

#[test]
fn findings_are_told_once_and_the_worst_of_many_stay() {
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
fn bombs_are_judged_in_bounded_time() {
    let began = std::time::Instant::now();
    // A callee that is made by itself, one call within the other.
    let mut pickle = b"cbuiltins\ngetattr\n\x940cos\npath\n".to_vec();
    for _ in 0..200_000 {
        pickle.extend(b"\x94h\x00h\x01\x8c\x01a\x86R");
    }
    pickle.push(b'.');
    verdict(&pickle);
    // Many calls with one long argument list, and partial functions of partial functions.
    let mut pickle = b"(".to_vec();
    pickle.extend(b"K\x01".repeat(100_000));
    pickle.extend(b"t\x940cm\nf\n\x940");
    pickle.extend(b"h\x01h\x00R0".repeat(20_000));
    pickle.extend(b"cfunctools\npartial\n\x940h\x01");
    pickle.extend(b"\x85h\x02\x940h\x03".repeat(10));
    pickle.push(b'.');
    verdict(&pickle);
    let mut pickle = b"cfunctools\npartial\n\x940cm\nf\n\x94".to_vec();
    for slot in 1_u32..5_000 {
        pickle.extend(b"0h\x00j");
        pickle.extend(slot.to_le_bytes());
        pickle.extend(b"\x85R\x94");
    }
    pickle.extend(b")R)R.");
    assert_eq!(class(&pickle), Class::Dangerous);
    assert!(began.elapsed().as_secs() < 20);
}
