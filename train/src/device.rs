//! Selects the device of a training: the CPU, or a CUDA GPU that is found at run time.
//!
//! The program links only the CPU part of libtorch. The CUDA part is a library of a PyTorch
//! installation: set `LD_LIBRARY_PATH` to its `torch/lib`, and the same program uses the GPU.

use std::sync::OnceLock;

use tch::{Cuda, Device, Kind};

use crate::net::Compute;
use models::fault::{Blame, Fault};

/// The device option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU if one works, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// This GPU, without fallback.
    Cuda(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(|index| index.parse().map(Self::Cuda).ok()),
        }
        .ok_or_else(|| format!("`{text}` is not a device: expected auto, cpu, cuda or cuda:N"))
    }
}

/// The precision option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// In training bf16 if the device supports it; fp32 everywhere else.
    Auto,
    /// 32-bit floats.
    Fp32,
    /// bfloat16 products and activations, fp32 parameters.
    Bf16,
}

/// A CUDA device that was requested but cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "no CUDA device {index}: {reason}. Expected a CUDA GPU with its driver, and LD_LIBRARY_PATH at the torch/lib \
     folder of PyTorch 2.11.0 with CUDA; or use --device cpu"
)]
pub struct NoCuda {
    index: usize,
    reason: String,
}

impl Fault for NoCuda {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// Selects device and precision. Only `auto` falls back to the CPU.
///
/// # Errors
/// A requested GPU that cannot be used.
pub fn resolve(device: DeviceChoice, precision: Precision) -> Result<Compute, NoCuda> {
    let device = match device {
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Auto if cuda_problem(0).is_none() => Device::Cuda(0),
        DeviceChoice::Auto => Device::Cpu,
        DeviceChoice::Cuda(index) => match cuda_problem(index) {
            None => Device::Cuda(index),
            Some(reason) => return Err(NoCuda { index, reason }),
        },
    };
    let kind = match precision {
        Precision::Fp32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
        // On a CPU without bf16 instructions, bf16 is slower than fp32.
        Precision::Auto if device.is_cuda() || cpu_has_bf16() => Kind::BFloat16,
        Precision::Auto => Kind::Float,
    };
    Ok(Compute { device, kind })
}

/// Why the GPU `index` cannot be used, or `None` if it can.
fn cuda_problem(index: usize) -> Option<String> {
    // Loaded first: libtorch finds GPUs only after its CUDA part has registered itself.
    if let Err(reason) = load_cuda_library() {
        return Some(reason.clone());
    }
    if !Cuda::is_available() {
        return Some("libtorch found no usable NVIDIA driver or GPU".to_owned());
    }
    let count = Cuda::device_count();
    (index as i64 >= count).then(|| format!("this machine has {count} CUDA device(s)"))
}

/// Loads the CUDA part of libtorch once, by its bare name: the search path of the loader decides.
#[allow(unsafe_code)]
fn load_cuda_library() -> &'static Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(|| {
        // SAFETY: the library's initializers are those of PyTorch. They register kernels with the
        // libtorch that is already loaded. The library is never unloaded.
        let library = unsafe { libloading::Library::new("libtorch_cuda.so") };
        library
            .map(std::mem::forget)
            .map_err(|e| format!("libtorch_cuda.so cannot be loaded ({e})"))
    })
}

#[cfg(target_arch = "x86_64")]
fn cpu_has_bf16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_has_bf16() -> bool {
    false
}
