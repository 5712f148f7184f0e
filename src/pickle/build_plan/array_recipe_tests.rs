//! Forged arrays, dtypes and generators are refused by their recipes, each for its own reason.

use super::BuildPlan;
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::Machine;

/// Why a pickle is refused, joined; empty if it is not.
fn refusals(pickle: &[u8]) -> String {
    let (machine, value) = Machine::run(pickle).expect("a pickle");
    let plan = BuildPlan::of_pickle(&Labels::new(&machine), value);
    plan.refusals().iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("; ")
}

/// `numpy.dtype(code, False, True)` with this state, in the opcodes of protocol 0.
fn dtype(code: &str, state: &str) -> String {
    format!("cnumpy\ndtype\n(V{code}\nI00\nI01\ntR({state}tb")
}

/// A dtype of numbers.
fn number(code: &str) -> String {
    dtype(code, "I3\nV<\nNNNI-1\nI-1\nI0\n")
}

/// `_reconstruct(class, (0,), b'b')` with a state.
fn array_of_class(class: &str, shape: &str, dtype: &str, contents: &str) -> String {
    let contents = format!("(I1\n({shape}t{dtype}I00\n{contents}tb");
    format!("cnumpy._core.multiarray\n_reconstruct\n(c{class}\n(I0\ntC\x01btR{contents}")
}

fn array(shape: &str, dtype: &str, contents: &str) -> String {
    array_of_class("numpy\nndarray", shape, dtype, contents)
}

/// `bytes` of this many zeros.
fn zeros(count: u8) -> String {
    format!("C{}{}", char::from(count), "\0".repeat(count.into()))
}

fn frombuffer(buffer: &str, dtype: &str, shape: &str, order: &str) -> String {
    format!("cnumpy._core.numeric\n_frombuffer\n({buffer}{dtype}({shape}tV{order}\ntR")
}

#[track_caller]
fn refused(pickle: &str, why: &str) {
    let found = refusals(format!("{pickle}.").as_bytes());
    assert!(found.contains(why), "{why:?} is not in {found:?}");
}

#[track_caller]
fn built(pickle: &str) {
    assert_eq!(refusals(format!("{pickle}.").as_bytes()), "");
}

#[test]
fn what_numpy_writes_is_built() {
    built(&array("I2\n", &number("f8"), &zeros(16)));
    built(&array("", &number("f8"), &zeros(8)));
    built(&array("I0\nI3\n", &number("f8"), &zeros(0)));
    built(&array("I2\n", &dtype("O8", "I3\nV|\nNNNI-1\nI-1\nI63\n"), "(lp0\nI1\naI2\na"));
    built(&array_of_class("numpy\nmatrix", "I1\nI2\n", &number("f4"), &zeros(8)));
    built(&frombuffer(&zeros(8), &number("i4"), "I1\nI2\n", "F"));
    built(&dtype("M8", "I4\nV<\nNNNI-1\nI-1\nI0\n(N(C\x02nsI25\nI1\nI1\ntt"));
}

#[test]
fn contents_must_be_as_long_as_the_array() {
    let wrong = ["I3\n", "I2\nI2\n", "", "I0\n", "I1\n"];
    for shape in wrong {
        refused(&array(shape, &number("f8"), &zeros(16)), "bytes for them");
        refused(&frombuffer(&zeros(16), &number("f8"), shape, "C"), "bytes for them");
    }
    for shape in ["I-1\n", "I-1\nI-2\n", "F2.0\n", "Vx\n", "I01\n", "L99999999999999999999L\n"] {
        refused(&array(shape, &number("f8"), &zeros(16)), "a shape that numpy does not write");
    }
    let (huge, many) = ("I4294967296\nI4294967296\nI4294967296\n", "I1\n".repeat(65));
    refused(&array(huge, &number("f8"), &zeros(0)), "too large");
    refused(&array(&format!("I0\n{huge}"), &number("f8"), &zeros(0)), "too large");
    refused(&array(&many, &number("f8"), &zeros(8)), "more than 64 dimensions");
    let empty = dtype("V0", "I3\nV|\nNNNI0\nI1\nI0\n");
    refused(&array("I4000000000\n", &empty, &zeros(0)), "too large");
}

#[test]
fn objects_are_never_made_of_bytes() {
    let state = "I3\nV|\nNNNI-1\nI-1\nI63\n";
    for code in ["O", "O8", "|O8", "<O8", "=O", "O4", "|O"] {
        let bare = format!("cnumpy\ndtype\n(V{code}\nI00\nI01\ntR");
        refused(&array("I1\n", &bare, &zeros(8)), "objects over bytes");
        refused(&frombuffer(&zeros(8), &bare, "I1\n", "C"), "objects from the bytes");
    }
    for code in ["object", "object_", "<object", "O16", "Ox", "|O8,i4", "object0"] {
        refused(&array("I1\n", &format!("cnumpy\ndtype\n(V{code}\ntR"), &zeros(8)), "numpy does not write");
    }
    refused(&array("I1\n", &dtype("O8", state), &zeros(8)), "objects over bytes");
    refused(&array("I1\n", &dtype("|O8", state), &zeros(8)), "state that numpy does not write");
    for flags in ["0", "1", "2", "4", "62", "127"] {
        refused(&dtype("O8", &format!("I3\nV|\nNNNI-1\nI-1\nI{flags}\n")), "state that does not fit");
    }
    for flags in ["1", "2", "4", "8", "16", "63", "128", "200", "-56"] {
        refused(&dtype("f8", &format!("I3\nV<\nNNNI-1\nI-1\nI{flags}\n")), "state that does not fit");
        refused(&dtype("V8", &format!("I3\nV|\nNNNI8\nI1\nI{flags}\n")), "state that does not fit");
    }
    // With another class, and with one that means objects.
    refused("cdill._dill\n_create_dtypemeta\n(NtRp0\n0ccopyreg\n__newobj__\n(g0\nVO8\ntR", "");
    refused("cnumpy\ndtype\n(cbuiltins\nlist\nI00\nI01\ntR", "makes a dtype of builtins.list");
}

#[test]
fn dtypes_that_numpy_does_not_write_are_refused() {
    for code in ["f3", "i16", "x4", "U-1", "U99999999999", "f8,i4", "float64", "", "\u{661}4", "S+4", "f", "T", "c4"] {
        refused(&number(code), "numpy.dtype");
    }
    for state in [
        "I3\nV<\nNNNI16\nI-1\nI0\n",
        "I3\nV<\nNNNI-8\nI-1\nI0\n",
        "I3\nV!\nNNNI-1\nI-1\nI0\n",
        "I3\nV|\nNNNI-1\nI-1\nI0\n",
        "I3\nV<\nNNN",
        "I3\nV<\nNNNF1.0\nI-1\nI0\n",
        "",
    ] {
        refused(&dtype("f8", state), "numpy.dtype");
    }
    refused(&format!("{}(I3\nV<\nNNNI-1\nI-1\nI0\ntb", number("f8")), "second state");
    // numpy ignores the state of a dtype that is not a copy.
    for flags in ["", "I01\n", "I00\n", "I00\nI00\n", "I01\nI00\n", "I01\nI01\n", "I00\nI01\nI01\n"] {
        let state = "(I3\nV>\nNNNI-1\nI-1\nI0\ntb";
        refused(&format!("cnumpy\ndtype\n(Vi4\n{flags}tR{state}"), "arguments that numpy does not write");
    }
    for unit in
        ["C\x02xxI1\nI1\n", "C\x02nsI0\nI1\n", "C\x02nsI-1\nI1\n", "C\x02nsI1\nI2\n", "C\x02nsI9999999999\nI1\n"]
    {
        refused(&dtype("M8", &format!("I4\nV<\nNNNI-1\nI-1\nI0\n(N({unit}I1\ntt")), "unit of time");
    }
}

/// A structure with a field `a` of this dtype at this offset.
fn structure(size: &str, field: &str, offset: &str, flags: &str) -> String {
    dtype(&format!("V{size}"), &format!("I3\nV|\nN(Va\nt(dVa\n({field}I{offset}\ntsI{size}\nI1\nI{flags}\n"))
}

#[test]
fn fields_lie_within_their_structure() {
    built(&structure("8", &number("f4"), "4", "16"));
    for offset in ["5", "-1", "8", "4294967296"] {
        refused(&structure("8", &number("f4"), offset, "16"), "numpy.dtype");
    }
    let object = dtype("O8", "I3\nV|\nNNNI-1\nI-1\nI63\n");
    refused(&structure("8", &object, "0", "16"), "whether it holds objects");
    refused(&structure("8", &number("f8"), "0", "27"), "whether it holds objects");
    refused(&array("I1\n", &structure("8", &object, "0", "27"), &zeros(8)), "objects");
    refused(&dtype("V4", "I3\nV|\nN(Va\nVb\nt(dVa\n(I1\nI0\ntsI4\nI1\nI16\n"), "a field that numpy does not write");
    let field = number("f4");
    refused(&dtype("V4", &format!("I3\nV|\nN(Va\nt(dVb\n({field}I0\ntsI4\nI1\nI16\n")), "a field that");
    refused(&dtype("V4", &format!("I3\nV|\nN(t(dVb\n({field}I0\ntsI4\nI1\nI16\n")), "other fields");
    // A thousand fields over the same bytes, nested again and again.
    let mut nested = number("f4");
    for _ in 0..18 {
        nested = structure("4", &nested, "0", "16");
    }
    refused(&nested, "nested more than");
}

#[test]
fn many_fields_over_the_same_bytes_are_refused() {
    let fields: String = (0..200).map(|name| format!("V{name}\n")).collect();
    let pairs: String = (0..200).map(|name| format!("V{name}\n(g9\nI0\nts")).collect();
    let dtype = dtype("V4", &format!("I3\nV|\nN({fields}t(d{pairs}I4\nI1\nI16\n"));
    refused(&format!("{}p9\n0{dtype}", number("f4")), "overlap too often");
}

#[test]
fn bools_are_zero_or_one() {
    let dtype = "cnumpy\ndtype\n(Vb1\nI00\nI01\ntR(I3\nV|\nNNNI-1\nI-1\nI0\ntb";
    built(&array("I2\n", dtype, "C\x02\x00\x01"));
    refused(&array("I2\n", dtype, "C\x02\x01\x02"), "neither 0 nor 1");
    refused(&array("I2\n", &structure("2", dtype, "1", "16"), "C\x04\x09\x01\x09\x02"), "neither 0 nor 1");
    refused(&frombuffer("C\x02\x01\x7f", dtype, "I2\n", "C"), "neither 0 nor 1");
}

#[test]
fn characters_of_strings_exist() {
    let (little, big) = (dtype("U1", "I3\nV<\nNNNI-1\nI-1\nI8\n"), dtype("U1", "I3\nV>\nNNNI-1\nI-1\nI8\n"));
    built(&array("I1\n", &little, "C\x04A\x00\x00\x00"));
    built(&array("I1\n", &big, "C\x04\x00\x00\x00A"));
    refused(&array("I1\n", &little, "C\x04\x00\x00\x11\x00"), "characters that do not exist");
    refused(&array("I2\n", &big, "C\x08\x00\x00\x00A\x00\x11\x00\x00"), "characters that do not exist");
    refused(&array("I1\n", &structure("4", &little, "0", "16"), "C\x040\x00\x00\x7f"), "characters that do not exist");
    refused(&frombuffer("C\x04\x00\x00\x00A", &little, "I1\n", "C"), "characters that do not exist");
}

fn shared(shape: &str, dtype: &str, buffer: &str, offset: &str, strides: &str) -> String {
    format!("cnumpy\nndarray\n(({shape}t{dtype}{buffer}I{offset}\n({strides}tt\u{1}")
}

#[test]
fn shared_arrays_lie_within_their_buffer() {
    let new = |pickle: String| -> Vec<u8> {
        // NEWOBJ is no character of UTF-8.
        let bytes = pickle.into_bytes();
        [&bytes[..bytes.len() - 1], b"\x81."].concat()
    };
    let found =
        |shape, buffer: &str, offset, strides| refusals(&new(shared(shape, &number("f4"), buffer, offset, strides)));
    assert_eq!(found("I2\n", &zeros(8), "0", "I4\n"), "");
    assert_eq!(found("I2\n", &zeros(8), "4", "I-4\n"), "");
    assert_eq!(found("I2\nI2\n", &frombuffer(&zeros(16), &number("i4"), "I4\n", "C"), "0", "I8\nI4\n"), "");
    assert_eq!(found("I3\n", &zeros(8), "4", "I0\n"), "");
    for (shape, offset, strides) in [
        ("I2\n", "0", "I8\n"),
        ("I2\n", "8", "I-4\n"),
        ("I3\n", "0", "I4\n"),
        ("I2\n", "0", "I-4\n"),
        ("I2\n", "-4", "I4\n"),
        ("I2\n", "0", "I4\nI4\n"),
        ("I2\n", "0", "I9223372036854775807\n"),
        ("I3\nI3\n", "0", "I4611686018427387904\nI-4611686018427387904\n"),
        ("I70368744177664\n", "0", "I0\n"),
    ] {
        let why = found(shape, &zeros(8), offset, strides);
        assert!(why.contains("numpy.ndarray"), "{shape:?} {offset} {strides:?}: {why:?}");
    }
    let bools = dtype("b1", "I3\nV|\nNNNI-1\nI-1\nI0\n");
    let of_bools = |shape: &str, strides: &str| refusals(&new(shared(shape, &bools, &zeros(8), "0", strides)));
    assert_eq!(of_bools("I8\nI1000000000\n", "I1\nI0\n"), "");
    assert_eq!(of_bools("I4\nI4\n", "I1\nI1\n"), "");
    assert!(of_bools(&"I2\n".repeat(7), &"I1\n".repeat(7)).contains("overlap too often"));
    let objects = array("I1\n", &dtype("O8", "I3\nV|\nNNNI-1\nI-1\nI63\n"), "(lp0\nI1\na");
    assert!(found("I2\n", &objects, "0", "I4\n").contains("memory of objects"));
    assert!(found("I2\n", "(l", "0", "I4\n").contains("no buffer"));
}

#[test]
fn contents_of_one_array_are_not_copied_for_many() {
    let shared = format!("B\x00\x00\x02\x00{}p0\n0", "\0".repeat(1 << 17));
    let one = array("I131072\n", &number("i1").replace('<', "|"), "g0\n");
    built(&format!("{shared}({}t", one.repeat(2)));
    refused(&format!("{shared}({}t", one.repeat(20)), "again and again");
}

fn bit_generator(class: &str, state: &str) -> String {
    format!("cnumpy.random._pickle\n__bit_generator_ctor\n(V{class}\ntR(d{state}b")
}

#[test]
fn positions_of_generators_are_within_their_state() {
    let key = array("I624\n", &number("u4"), &format!("B\x40\x09\0\0{}p7\n0", "\0".repeat(2496)).replace("p7\n0", ""));
    let state = |pos: &str| format!("Vbit_generator\nVMT19937\nsVstate\n(dVkey\n{key}sVpos\n{pos}ss");
    let mersenne = |pos| {
        let pickle = bit_generator("MT19937", &state(pos));
        // The length of the key, 2496, is 0x9c0: not a character of one byte in UTF-8.
        pickle
            .into_bytes()
            .iter()
            .map(|byte| if *byte == b'@' { 0xc0 } else { *byte })
            .chain(*b".")
            .collect::<Vec<u8>>()
    };
    assert_eq!(refusals(&mersenne("I624\n")), "");
    for pos in ["I625\n", "I-1\n", "I1073741824\n", "F1.0\n", "N", "L99999999999999999999L\n"] {
        assert!(refusals(&mersenne(pos)).contains("a pos that is not from 0 to 624"), "{pos}");
    }
    let pcg = |state: &str, has: &str| {
        let inner = format!("Vstate\n(dVstate\nL{state}L\nsVinc\nL3L\nss");
        bit_generator("PCG64", &format!("Vbit_generator\nVPCG64\ns{inner}Vhas_uint32\nI{has}\nsVuinteger\nI0\ns"))
    };
    built(&pcg("340282366920938463463374607431768211455", "1"));
    refused(&pcg(&"9".repeat(80), "1"), "no integer for state");
    refused(&pcg("1", "2"), "a has_uint32 that is not from 0 to 1");
    refused(&bit_generator("Other", "Vbit_generator\nVOther\nsVstate\n(ds"), "not known");
}

/// A SeedSequence with this entropy, and a pool of zeros of this size.
fn seed_sequence(entropy: &str, pool: u8) -> String {
    let array = array(&format!("I{pool}\n"), &number("u4"), &zeros(4 * pool));
    let class = "cnumpy.random.bit_generator\nSeedSequence\n";
    let call = format!("cnumpy.random.bit_generator\n__pyx_unpickle_SeedSequence\n({class}I1\nNtR");
    format!("{call}({entropy}I0\n{array}I{pool}\n(ttb")
}

#[test]
fn seeds_are_those_that_numpy_accepts() {
    for entropy in ["I5\n", "L99999999999999999999999L\n", "(lI1\na", "(I1\nI2\nt"] {
        built(&seed_sequence(entropy, 4));
    }
    for entropy in ["I-5\n", "L-99999999999999999999999L\n", "(lI-1\na", "F1.0\n", "N"] {
        refused(&seed_sequence(entropy, 4), "an entropy that numpy does not write");
    }
    refused(&seed_sequence("I5\n", 3), "numpy does not write");
    let signed = |byte: u8| {
        let seeds = array("I1\n", &number("i4"), &format!("C\x04\0\0\0{}", char::from(byte)));
        seed_sequence(&seeds, 4)
    };
    built(&signed(0x7f));
    let negative: Vec<u8> =
        signed(b'@').bytes().map(|byte| if byte == b'@' { 0x80 } else { byte }).chain(*b".").collect();
    assert!(refusals(&negative).contains("an entropy"), "{}", refusals(&negative));
}
