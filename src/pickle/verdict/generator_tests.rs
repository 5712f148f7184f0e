//! Generators of a pickle: making one is harmless, and running it is not.

use super::VerdictClass;
use super::tests::{call, class, name, string, whole, worst};

/// A function of the pickle with these flags and this bytecode, in the form of 3.11 and later.
fn function_of(flags: u8, bytecode: &[u8]) -> Vec<u8> {
    let number = b"K\x00";
    let bytes = [b"C", &[bytecode.len() as u8][..], bytecode].concat();
    let mut arguments: Vec<&[u8]> = vec![number; 18];
    let flags = [b'K', flags];
    (arguments[5], arguments[6]) = (&flags, &bytes);
    call(&name("types", "FunctionType"), &[&call(&name("types", "CodeType"), &arguments), b"}"])
}

#[test]
fn making_a_generator_is_not_dangerous_and_running_it_is() {
    // MAKE_CELL, RETURN_GENERATOR in 3.12; COPY_FREE_VARS, RETURN_GENERATOR in 3.13.
    for bytecode in [[135, 0, 75, 0, 1, 0], [62, 1, 35, 0, 31, 0]] {
        let generator = call(&function_of(0x23, &bytecode), &[]);
        assert_eq!(worst(&whole(&[&generator])), "<function>() makes a generator, whose code does not run yet");
        assert_eq!(class(&whole(&[&generator])), VerdictClass::Calls);
        let closed = call(&name("types", "GeneratorType.close"), &[&generator]);
        assert_eq!(class(&whole(&[&closed])), VerdictClass::Calls);
        for consumer in ["list", "tuple", "set", "sum", "next", "sorted"] {
            let consumed = call(&name("builtins", consumer), &[&generator]);
            assert_eq!(class(&whole(&[&consumed])), VerdictClass::Dangerous, "{consumer}");
        }
        let partial = call(&name("functools", "partial"), &[&function_of(0x23, &bytecode)]);
        assert_eq!(class(&whole(&[&call(&partial, &[])])), VerdictClass::Calls);
        let consumed = call(&name("builtins", "list"), &[&call(&partial, &[])]);
        assert_eq!(class(&whole(&[&consumed])), VerdictClass::Dangerous);
    }
}

#[test]
fn a_function_that_only_claims_to_be_a_generator_is_dangerous_to_call() {
    // The flag without the opcode, the opcode without the flag, and the opcode after another one.
    let functions = [
        function_of(0x23, &[1, 0, 75, 0]),
        function_of(0x03, &[75, 0, 1, 0]),
        function_of(0x23, b""),
        call(&name("types", "FunctionType"), &[&name("types", "CodeType"), b"}"]),
        call(&name("types", "MethodType"), &[&function_of(0x23, &[75, 0]), b"K\x01"]),
    ];
    for function in functions {
        assert_eq!(class(&whole(&[&call(&function, &[])])), VerdictClass::Dangerous);
    }
}

#[test]
fn a_call_with_a_generator_among_its_arguments_is_dangerous() {
    let generator = call(&function_of(0x23, &[75, 0, 1, 0]), &[]);
    let (tuple, list) = (name("builtins", "tuple"), name("builtins", "list"));
    let new_object = [&tuple[..], b"(", &generator, b"t\x81"].concat();
    let second = [&tuple[..], b"\x94(t\x810h\x00(", &generator, b"t\x81"].concat();
    let in_slice = [b"]", &call(&name("builtins", "slice"), &[b"K\x00", b"K\x00"])[..], &generator, b"s"].concat();
    let object = [b"(", &name("builtins", "object")[..], b"t"].concat();
    let slots = [b"}", &string("__slots__")[..], &generator, b"s"].concat();
    let pickles = [
        call(&name("builtins", "tuple.__new__"), &[&tuple, &generator]),
        call(&name("copyreg", "__newobj__"), &[&tuple, &generator]),
        call(&name("copyreg", "_reconstructor"), &[&list, &list, &generator]),
        call(&name("weakref", "WeakSet"), &[&generator]),
        call(&name("builtins", "dict"), &[&[b"](", &generator[..], b"e"].concat()]),
        call(&name("mine", "f"), &[&generator]),
        call(&name("builtins", "type"), &[&string("C"), &object, &slots]),
        new_object,
        second,
        in_slice,
    ];
    for pickle in pickles {
        assert_eq!(class(&whole(&[&pickle])), VerdictClass::Dangerous, "{} {pickle:?}", worst(&whole(&[&pickle])));
    }
    let renamed = call(&name("builtins", "setattr"), &[&generator, &string("__name__"), &string("g")]);
    let kept = [b"}", &string("a")[..], &generator, b"s"].concat();
    let of_another = call(&function_of(0x23, &[75, 0, 1, 0]), &[&generator]);
    let in_object = [&name("types", "SimpleNamespace")[..], b")R", &kept, b"b"].concat();
    for pickle in [renamed, kept.clone(), of_another, in_object, [b"](", &generator[..], b"e"].concat()] {
        assert_eq!(class(&whole(&[&pickle])), VerdictClass::Calls, "{}", worst(&whole(&[&pickle])));
    }
}

#[test]
fn a_code_object_of_dill_with_the_form_of_older_versions_makes_no_generator() {
    let code = |maker: &[u8]| {
        let mut arguments: Vec<&[u8]> = vec![b"K\x00"; 16];
        (arguments[5], arguments[6]) = (b"K\x23", b"C\x02\x64\x00");
        call(&call(&name("types", "FunctionType"), &[&call(maker, &arguments), b"}"]), &[])
    };
    assert_eq!(class(&whole(&[&code(&name("dill._dill", "_create_code"))])), VerdictClass::Dangerous);
    // Since 3.11 it has no form with 16 arguments.
    assert_eq!(class(&whole(&[&code(&name("types", "CodeType"))])), VerdictClass::Calls);
}
