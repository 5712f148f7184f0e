//! Sees the calls of chosen code objects in Python 3.10 and 3.11, which have no `sys.monitoring`: a function of ours
//! evaluates frames in place of the interpreter's own (PEP 523).
//!
//! If there is one such code object, that function is in place only until a call of it begins, and after that has
//! ended, so what the call does runs at full speed. A call of the same code within it is not seen; it ends before the
//! outer one in any case.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use super::ffi;

/// `_PyFrameEvalFunction`: the frame is an object in 3.10, and a struct in 3.11.
type Evaluate = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> *mut PyObject;
type SetEvaluate = unsafe extern "C" fn(*mut c_void, Evaluate);
type GetEvaluate = unsafe extern "C" fn(*mut c_void) -> Evaluate;

/// The most code objects that are watched.
const MOST: usize = 16;
/// Where the code object of a frame is: after the head of the object and `f_back` in 3.10, and after four pointers in
/// 3.11.
const CODE: usize = 32;
/// Where a thread's `_PyCFrame` is in 3.11, and where that has the current frame.
const C_FRAME: usize = 56;
const CURRENT: usize = 8;

/// The addresses of the code objects; 0 for a free entry.
static CODES: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];
/// The interpreter's own function, that which changes it, and the interpreter; 0 until something is watched.
static DEFAULT: AtomicUsize = AtomicUsize::new(0);
static SET: AtomicUsize = AtomicUsize::new(0);
static INTERPRETER: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);
/// 10 or 11.
static MINOR: AtomicUsize = AtomicUsize::new(0);

/// What is called when a call has ended.
pub(super) type Ended = fn(&Bound<'_, PyAny>);

/// Watches a code object, which must stay alive. Does nothing in other versions than 3.10 and 3.11.
pub(super) fn watch(py: Python<'_>, code: usize, ended: Ended) {
    let version = py.version_info();
    if !matches!((version.major, version.minor), (3, 10 | 11)) {
        return;
    }
    MINOR.store(usize::from(version.minor), Ordering::SeqCst);
    ENDED.store(ended as usize, Ordering::SeqCst);
    if !CODES.iter().any(|entry| entry.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst).is_ok()) {
        return;
    }
    if DEFAULT.load(Ordering::SeqCst) == 0 {
        let (get, set) =
            (symbol(c"_PyInterpreterState_GetEvalFrameFunc"), symbol(c"_PyInterpreterState_SetEvalFrameFunc"));
        if get == 0 || set == 0 {
            return;
        }
        // SAFETY: the GIL is held.
        let interpreter = unsafe { pyo3::ffi::PyInterpreterState_Get() }.cast::<c_void>();
        // SAFETY: the function of this name has this signature in 3.10 and 3.11.
        let get = unsafe { std::mem::transmute::<usize, GetEvaluate>(get) };
        // SAFETY: the interpreter is the running one.
        let default = unsafe { get(interpreter) };
        INTERPRETER.store(interpreter as usize, Ordering::SeqCst);
        SET.store(set, Ordering::SeqCst);
        DEFAULT.store(default as usize, Ordering::SeqCst);
    }
    set_evaluate(Some(evaluate));
}

/// Puts the interpreter's own function back.
pub(super) fn end(_: Python<'_>) {
    set_evaluate(None);
    CODES.iter().for_each(|entry| entry.store(0, Ordering::SeqCst));
}

fn symbol(name: &CStr) -> usize {
    // SAFETY: the name is a C string.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) as usize }
}

/// Has the interpreter call this function, or its own.
fn set_evaluate(function: Option<Evaluate>) {
    let (set, default) = (SET.load(Ordering::Relaxed), DEFAULT.load(Ordering::Relaxed));
    if set == 0 || default == 0 {
        return;
    }
    // SAFETY: the functions of these names have these signatures in 3.10 and 3.11, where alone they are stored.
    let set = unsafe { std::mem::transmute::<usize, SetEvaluate>(set) };
    let function = function.unwrap_or_else(default_evaluate);
    // SAFETY: the GIL is held, and the interpreter lives as long as the process.
    unsafe { set(INTERPRETER.load(Ordering::Relaxed) as *mut c_void, function) };
}

fn default_evaluate() -> Evaluate {
    // SAFETY: the caller has seen that it is stored, and nothing else is ever stored there.
    unsafe { std::mem::transmute::<usize, Evaluate>(DEFAULT.load(Ordering::Relaxed)) }
}

/// Evaluates a frame.
unsafe extern "C" fn evaluate(thread: *mut c_void, frame: *mut c_void, throw: c_int) -> *mut PyObject {
    // SAFETY: a frame of 3.10 and 3.11 has the pointer there.
    let code = unsafe { frame.cast::<u8>().add(CODE) };
    // SAFETY: the pointer is valid and aligned, as above.
    let code = unsafe { code.cast::<usize>().read() };
    let default = default_evaluate();
    if !CODES.iter().any(|entry| entry.load(Ordering::Relaxed) == code) {
        // SAFETY: passes on what the interpreter has passed.
        return unsafe { default(thread, frame, throw) };
    }
    // What the call does costs nothing then; but it may call another watched function.
    let is_alone = CODES.iter().filter(|entry| entry.load(Ordering::Relaxed) != 0).count() == 1;
    if is_alone {
        set_evaluate(None);
    }
    // SAFETY: passes on what the interpreter has passed.
    let result = unsafe { default(thread, frame, throw) };
    if CODES.iter().any(|entry| entry.load(Ordering::Relaxed) == code) {
        if is_alone {
            set_evaluate(Some(evaluate));
        }
        note(thread, frame);
    }
    result
}

/// Tells that the call of a frame has ended, while its variables are still there.
fn note(thread: *mut c_void, frame: *mut c_void) {
    let ended = ENDED.load(Ordering::Relaxed);
    if ended == 0 {
        return;
    }
    // SAFETY: nothing but such a function is stored there.
    let ended = unsafe { std::mem::transmute::<usize, Ended>(ended) };
    Python::attach(|py| {
        // The call may have ended by an exception, which must stay as it is.
        let raised = PyErr::take(py);
        if MINOR.load(Ordering::Relaxed) == 10 {
            // SAFETY: the frame is an object, and the interpreter holds a reference to it.
            if let Some(frame) = unsafe { Bound::from_borrowed_ptr_or_opt(py, frame.cast()) } {
                ended(&frame);
            }
        } else {
            // SAFETY: a thread of 3.11 has the pointer there.
            let c_frame = unsafe { thread.cast::<u8>().add(C_FRAME) };
            // SAFETY: the pointer is valid and aligned, as above.
            let c_frame = unsafe { c_frame.cast::<*mut u8>().read() };
            // SAFETY: that is its `_PyCFrame`, which lives on the stack of the caller.
            let current = unsafe { c_frame.add(CURRENT).cast::<*mut c_void>() };
            // The frame is made the current one again for a moment, so that Python makes its object.
            // SAFETY: the pointer is valid, as above.
            let before = unsafe { current.replace(frame) };
            let object = ffi::current_frame(py);
            // SAFETY: as above.
            unsafe { current.write(before) };
            if let Some(frame) = object {
                ended(&frame);
            }
        }
        if let Some(raised) = raised {
            raised.restore(py);
        }
    });
}
