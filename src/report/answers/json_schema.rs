//! The published schemas of the answers: JSON Schema, draft 2020-12, made from the structs when they are asked for; and
//! the version number that every answer carries.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{
    DiffAnswer, ErrorAnswer, ExportAnswer, ImportAnswer, ListAnswer, LogAnswer, PruneAnswer, RestoreAnswer,
    SessionAnswer, StatusAnswer, TraceAnswer, TrustAnswer, VerifyAnswer, VerifyStoreAnswer,
};
use crate::report::doctor_report::DoctorReport;

/// The version of all JSON output. That of the index within snapshots is
/// [`index::SCHEMA`](crate::snapshot::index::SCHEMA).
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// [`SCHEMA_VERSION`], as the first key of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SchemaVersion;

impl Serialize for SchemaVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(SCHEMA_VERSION)
    }
}

impl JsonSchema for SchemaVersion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SchemaVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "integer", "const": SCHEMA_VERSION })
    }
}

/// A kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// `inspect` and `save`.
    Session,
    /// `inspect --trace`.
    Trace,
    /// `restore`.
    Restore,
    /// `restore --list`.
    List,
    /// `diff`.
    Diff,
    /// `verify`.
    Verify,
    /// `trust`.
    Trust,
    /// `doctor`.
    Doctor,
    /// `log`.
    Log,
    /// `status`.
    Status,
    /// `export`.
    Export,
    /// `import`.
    Import,
    /// `prune`.
    Prune,
    /// `verify` of a store.
    VerifyStore,
    /// Any command that fails.
    Error,
}

impl AnswerKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 15] = [
        Self::Session,
        Self::Trace,
        Self::Restore,
        Self::List,
        Self::Diff,
        Self::Verify,
        Self::Trust,
        Self::Doctor,
        Self::Log,
        Self::Status,
        Self::Export,
        Self::Import,
        Self::Prune,
        Self::VerifyStore,
        Self::Error,
    ];

    fn schema(self, generator: &mut SchemaGenerator) -> Schema {
        fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
            generator.subschema_for::<T>()
        }
        match self {
            Self::Session => of::<SessionAnswer<'_>>(generator),
            Self::Trace => of::<TraceAnswer<'_>>(generator),
            Self::Restore => of::<RestoreAnswer<'_>>(generator),
            Self::List => of::<ListAnswer<'_>>(generator),
            Self::Diff => of::<DiffAnswer<'_>>(generator),
            Self::Verify => of::<VerifyAnswer<'_>>(generator),
            Self::Trust => of::<TrustAnswer<'_>>(generator),
            Self::Doctor => of::<DoctorReport>(generator),
            Self::Log => of::<LogAnswer<'_>>(generator),
            Self::Status => of::<StatusAnswer<'_>>(generator),
            Self::Export => of::<ExportAnswer>(generator),
            Self::Import => of::<ImportAnswer>(generator),
            Self::Prune => of::<PruneAnswer<'_>>(generator),
            Self::VerifyStore => of::<VerifyStoreAnswer<'_>>(generator),
            Self::Error => of::<ErrorAnswer>(generator),
        }
    }
}

/// The schema of answers of any of these kinds.
pub(crate) fn json_schema(title: &str, kinds: &[AnswerKind]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let answers: Vec<Schema> = kinds.iter().map(|kind| kind.schema(&mut generator)).collect();
    let mut definitions = Value::Object(generator.take_definitions(true));
    without_null(&mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "anyOf": answers,
        "$defs": definitions,
    })
}

/// An optional key is absent, and never null.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            if let Some(Value::Array(types)) = keywords.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    keywords.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(choices)) = keywords.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(one)] = choices.as_slice() {
                    let one: Map<String, Value> = one.clone();
                    keywords.remove("anyOf");
                    keywords.extend(one);
                }
            }
            keywords.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}
