//! Arrays and tensors that share memory: it is written once, and they share it again after a load.
//!
//! [`memory_survey`] finds out which memory the values of a session share, [`array_layout`] where an object lies in
//! memory. [`shared_arrays`] writes numpy's arrays; [`torch_tensors`] torch's tensors and storages, with
//! [`cuda_storage`] for those on a GPU; [`jax_arrays`] those of jax; [`arrow_tables`] those of pyarrow and polars. An
//! array that shares its memory with nothing is written as numpy says.

mod array_layout;
mod arrow_tables;
mod cuda_storage;
mod jax_arrays;
mod memory_block;
mod memory_survey;
mod shared_arrays;
mod survey_walk;
mod torch_tensors;

pub(super) use self::arrow_tables::{plan_arrow_buffer, plan_polars};
pub(super) use self::jax_arrays::plan_jax_array;
pub(super) use self::memory_survey::SharedMemory;
pub(super) use self::shared_arrays::plan_array;
pub(super) use self::torch_tensors::{plan_exact_parameter, plan_parameter, plan_storage, plan_tensor};
