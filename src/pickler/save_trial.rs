//! Whether an object can be saved: it is saved with a separate pickler, whose opcodes are discarded.
//!
//! This is for parts that an object can do without, such as the cause of an exception. It takes as long as a save, so
//! nothing that occurs often may be tried.

use std::io;
use std::sync::Arc;

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule};

use super::engine::NestedSave;
use super::output::{OpcodeOutput, SegmentSink};
use super::pickle_context::{PickleContext, UpperCalls};
use super::{dill_adapter, engine};
use crate::python::deferred_signals::ends_call;

/// The functions of files in higher layers that a context calls.
pub(super) const CALLS: UpperCalls = UpperCalls { connect_dill: dill_adapter::connect, try_save };

/// Discards the opcodes.
pub(super) struct NullSink;

impl SegmentSink for NullSink {
    fn take(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn take_buffer(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

fn try_save(context: &Arc<PickleContext>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    let _nested = NestedSave::enter()?;
    let main = context.main.bind(py).cast::<PyModule>()?.clone();
    let out = OpcodeOutput::segments(Box::new(NullSink));
    let trial = Arc::new(PickleContext::for_trial(context, &main, out)?);
    {
        let mut state = trial.lock()?;
        state.memo.put(main.as_any());
        state.begin_segment(0, u64::MAX);
    }
    let saved = engine::save(&trial, object);
    dill_adapter::disconnect(&trial, py);
    match saved {
        Ok(()) => {
            let state = trial.lock()?;
            for slot in 0..state.memo.len() {
                let saved = state.memo.object(slot as u32).map(|saved| saved.bind(py));
                if let Some(saved) = saved.filter(|saved| saved.is_instance_of::<PyBaseException>()) {
                    context.note_saveable(saved.as_ptr() as usize)?;
                }
            }
            Ok(true)
        }
        Err(error) if ends_call(py, &error) => Err(error),
        Err(_) => Ok(false),
    }
}
