//! Tests of the recipes of instances: declared attributes are built, and anything else is refused with its reason.

use super::{BuildPlan, Fill, Make};
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::Ref;

const SCALER: &str = "csklearn.preprocessing._data\nStandardScaler\n";
const LASSO: &str = "csklearn.linear_model._coordinate_descent\nLasso\n";
const PIPELINE: &str = "csklearn.pipeline\nPipeline\n";
const FUNCTION: &str = "csklearn.preprocessing._function_transformer\nFunctionTransformer\n";
const TRUE: &[u8] = b"\x88";
const NONE: &[u8] = b"N";

fn string(text: &str) -> Vec<u8> {
    [b"\x8c", &[text.len() as u8][..], text.as_bytes()].concat()
}

/// `numpy.zeros(shape)`, as protocol 5 writes it.
fn array(shape: &[u8]) -> Vec<u8> {
    let bytes = 8 * shape.iter().map(|length| u64::from(*length)).product::<u64>();
    let lengths: Vec<u8> = shape.iter().flat_map(|length| [b'K', *length]).collect();
    let dtype = [&b"cnumpy\ndtype\n"[..], &string("f8"), b"\x89\x88\x87R(K\x03"].concat();
    let dtype = [dtype, string("<"), b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb".to_vec()].concat();
    [
        &b"cnumpy._core.numeric\n_frombuffer\n(\x96"[..],
        &bytes.to_le_bytes(),
        &vec![0; bytes as usize],
        &dtype,
        b"(",
        &lengths,
        b"t",
        &string("C"),
        b"tR",
    ]
    .concat()
}

/// The opcodes of an instance with these attributes.
fn instance(class: &str, attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let pairs = attributes.iter().flat_map(|(name, value)| [string(name), value.to_vec()].concat());
    [class.as_bytes(), b")\x81}(", &pairs.collect::<Vec<u8>>(), b"ub"].concat()
}

/// The steps of a pipeline: a list with one step.
fn steps(step: &[u8]) -> Vec<u8> {
    [&b"](("[..], &string("step"), step, b"te"].concat()
}

/// The reasons why a pickle is refused.
fn refusals(opcodes: &[u8]) -> Vec<String> {
    let pickle = [b"\x80\x05", opcodes, b"."].concat();
    let (machine, value) = Machine::run(&pickle).expect("a pickle");
    let plan = BuildPlan::of_pickle(&Labels::new(&machine), value);
    plan.refusals().iter().map(|(_, why)| why.clone()).collect()
}

#[track_caller]
fn refused(opcodes: &[u8], expected: &str) {
    let found = refusals(opcodes);
    assert!(found.iter().any(|why| why.contains(expected)), "{expected:?} is not in {found:?}");
}

#[test]
fn declared_attributes_are_set_and_the_version_is_kept_apart() {
    let mean = array(&[2]);
    let version = string("1.7.2");
    let attributes: [(&str, &[u8]); 4] =
        [("with_mean", TRUE), ("mean_", &mean), ("n_features_in_", b"K\x02"), ("_sklearn_version", &version)];
    let pickle = [b"\x80\x05", &instance(SCALER, &attributes)[..], b"."].concat();
    let (machine, value) = Machine::run(&pickle).expect("a pickle");
    let plan = BuildPlan::of_pickle(&Labels::new(&machine), value);
    assert_eq!(plan.refusals(), []);
    let recipe = machine.resolve(value).node_index().and_then(|node| plan.recipe(node)).expect("a recipe");
    let Make::Instance(make) = &*recipe.make else { panic!("{recipe:?}") };
    assert_eq!((make.module.as_str(), make.name.as_str()), ("sklearn.preprocessing._data", "StandardScaler"));
    assert_eq!(make.version.as_deref(), Some("1.7.2"));
    let Fill::Attributes(set) = recipe.fill() else { panic!("{recipe:?}") };
    let names: Vec<&str> = set.iter().map(|(name, _): &(String, Ref)| name.as_str()).collect();
    assert_eq!(names, ["with_mean", "mean_", "n_features_in_"]);
}

#[test]
fn attributes_that_are_not_declared_are_refused() {
    for name in ["note", "__class__", "__setstate__", "__dict__", "coef_", "with_mean "] {
        refused(&instance(SCALER, &[(name, NONE)]), "has an attribute that is not declared");
    }
    refused(&instance(SCALER, &[("with_mean", TRUE), ("with_mean", TRUE)]), "has with_mean twice");
    let number_as_name = [SCALER.as_bytes(), b")\x81}K\x01Nsb"].concat();
    refused(&number_as_name, "has a key in its state that is not a literal string");
}

#[test]
fn attributes_of_another_kind_are_refused() {
    let wrong: [(&str, &[u8]); 7] = [
        ("with_mean", b"]"),
        ("with_mean", b"\x8c\x01x"),
        ("mean_", b"G\x00\x00\x00\x00\x00\x00\x00\x00"),
        ("n_features_in_", b"J\xff\xff\xff\xff"),
        ("n_features_in_", TRUE),
        ("copy", b"cnumpy\nfloat64\n"),
        ("_sklearn_output_config", b"]"),
    ];
    for (name, value) in wrong {
        refused(&instance(SCALER, &[(name, value)]), &format!("has {name} of a kind that is not declared"));
    }
    refused(&instance(SCALER, &[("mean_", &array(&[2, 2]))]), "has mean_ of a kind that is not declared");
    refused(&instance(SCALER, &[("mean_", &array(&[]))]), "has mean_ of a kind that is not declared");
    refused(&instance(LASSO, &[("warm_start", TRUE)]), "has warm_start of a kind that is not declared");
    refused(&instance(PIPELINE, &[("memory", b"\x8c\x04/tmp")]), "has memory of a kind that is not declared");
    refused(&instance(FUNCTION, &[("func", b"cnumpy\nfloat64\n")]), "has func of a kind that is not declared");
}

#[test]
fn sizes_that_do_not_agree_are_refused() {
    let by_feature = instance(SCALER, &[("n_features_in_", b"K\x03"), ("mean_", &array(&[2]))]);
    refused(&by_feature, "has mean_ for 2 features, and n_features_in_ for 3");
    let of_two = instance(SCALER, &[("mean_", &array(&[2])), ("scale_", &array(&[4]))]);
    refused(&of_two, "has scale_ for 4 features, and mean_ for 2");
    let coefficients = instance(LASSO, &[("coef_", &array(&[2, 4])), ("n_features_in_", b"K\x02")]);
    refused(&coefficients, "has n_features_in_ for 2 features, and coef_ for 4");
}

#[test]
fn nested_estimators_must_be_listed() {
    assert_eq!(refusals(&instance(PIPELINE, &[("steps", &steps(&instance(SCALER, &[])))])), [] as [String; 0]);
    let tree = instance("csklearn.tree._classes\nDecisionTreeClassifier\n", &[]);
    refused(&instance(PIPELINE, &[("steps", &steps(&tree))]), "DecisionTreeClassifier");
    refused(&instance(PIPELINE, &[("steps", &steps(b"]"))]), "has steps of a kind that is not declared");
    // A pipeline that is a step of itself.
    let itself = [PIPELINE.as_bytes(), b")\x81\x94}(", &string("steps"), &steps(b"h\x00"), b"ub"].concat();
    assert!(!refusals(&itself).is_empty());
}

#[test]
fn unusual_ways_to_make_an_instance_are_refused() {
    let scaler = SCALER.as_bytes();
    let unusual = "is made in a way that pickle does not write";
    refused(&[scaler, b"K\x01\x85\x81"].concat(), unusual);
    refused(&[scaler, b")R"].concat(), unusual);
    refused(&[scaler, b")\x81K\x01a"].concat(), unusual);
    refused(&[scaler, b")\x81K\x01K\x02s"].concat(), unusual);
    refused(&[scaler, b")}\x8c\x01cK\x01s\x92"].concat(), unusual);
    refused(&[scaler, b")\x81}N\x86b"].concat(), "has a state that is not a dict");
    refused(&[scaler, b")\x81Nb"].concat(), "has a state that is not a dict");
    refused(&[scaler, b")\x81}b}b"].concat(), "a second state");
    refused(&[scaler, b"]b"].concat(), "");
}

#[test]
fn versions_that_scikit_learn_does_not_write_are_refused() {
    for version in ["1.0\u{1b}[31m", "1 2", &"1".repeat(60)] {
        let version = string(version);
        refused(&instance(SCALER, &[("_sklearn_version", &version)]), "has a version that scikit-learn does not write");
    }
    refused(&instance(SCALER, &[("_sklearn_version", b"K\x01")]), "has a version that scikit-learn does not write");
}
