//! Arrays and tensors that share memory: it is written once, and they share it again after a load.
//!
//! [`memory_survey`] finds out which memory the values of a session share, and [`array_layout`] where an object lies in
//! memory. [`shared_arrays`] writes the arrays of numpy; [`torch_tensors`] the tensors and storages of torch, with
//! [`cuda_storage`] for a GPU; [`jax_arrays`] the arrays of jax; [`arrow_tables`] the buffers of pyarrow and polars. An
//! array that shares its memory with nothing is written by its reduction in numpy.

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
