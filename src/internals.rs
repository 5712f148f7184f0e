//! The parts of the crate that its own tests, benchmarks and fuzz targets call directly. Not an interface for others:
//! anything here may change in any version.

pub use crate::pickle::build_plan::walk_plan;
pub use crate::pickle::explain::outline::Outline;
pub use crate::pickle::format::opcode::Opcode;
pub use crate::pickle::format::parse::{Argument, Parser};
pub use crate::pickle::machine::{Machine, MachineError, RawArray, opcodes_around};
pub use crate::pickle::passes::scan::scan_segment;
pub use crate::pickle::passes::segment_part::PartPiece;
pub use crate::pickle::passes::stack_check::StackCheck;
pub use crate::pickle::passes::value_spans::ValueSpans;
pub use crate::pickle::verdict::{VerdictClass, beyond_plain};
pub use crate::report::answers::{DiffAnswer, SessionAnswer, TraceAnswer, VerifyAnswer};
pub use crate::report::diff_report;
pub use crate::report::github::write_annotations;
pub use crate::report::html::{PageContents, write_page};
pub use crate::report::inspect_report::{FileFormat, SessionReport};
pub use crate::report::inspect_text::{write_failures, write_session, write_tree};
pub use crate::report::table::TableStyle;
pub use crate::report::verdict_text::write_verdict;
pub use crate::report::verify_report;
pub use crate::report::write_json;
pub use crate::snapshot::file_changes::{Changes, changes};
pub use crate::snapshot::index::{
    Index, LeftOut, LeftOutReason, PythonInfo, SCHEMA, ScriptEnd, ScriptInfo, UnsavableObject, Variable, VariableKind,
};
pub use crate::snapshot::layout::{SIGNATURE, TRAILER, Trailer, longest_index};
pub use crate::snapshot::reader::{Contents, Memory, Snapshot, Wanted};
pub use crate::snapshot::signature::SigningKey;
pub use crate::snapshot::signer::Signer;
pub use crate::snapshot::verification::verify;
pub use crate::snapshot::writer::SnapshotWriter;
