//! The options of each provider of ONNX Runtime.

use std::collections::BTreeMap;

use ort::ep::ExecutionProviderDispatch;

use super::choice::Provider;
use super::model::{GpuOptions, Model};
use super::{cuda, tensorrt};

/// The oldest release of ONNX Runtime, `1.N`, that can be loaded.
const OLDEST: u32 = 17;

/// Options of a provider, by the names that ONNX Runtime has for them.
pub type ProviderOptions = Vec<(&'static str, String)>;

/// The options with which a provider of ONNX Runtime of this version is used. An unknown version
/// counts as the oldest.
///
/// # Examples
/// ```
/// use edge::engine::{GpuOptions, Model, Provider, provider_options};
/// use models::bundle::Precision;
///
/// let inputs = [("image".to_owned(), vec![3, 84, 84])];
/// let precision = Precision::Fp16;
/// let model = Model { onnx: b"onnx", inputs: &inputs, max_batch: 8, precision };
/// let gpu = GpuOptions { free_memory: Some(4 << 30), ..GpuOptions::default() };
/// let options = provider_options(&model, Provider::TensorRt, &gpu, Some("1.18.0"));
/// assert!(options.contains(&("trt_fp16_enable", "1".to_owned())));
/// assert!(options.contains(&("trt_profile_max_shapes", "image:8x3x84x84".to_owned())));
/// assert!(options.contains(&("trt_max_workspace_size", (1_u64 << 30).to_string())));
/// ```
#[must_use]
pub fn provider_options(
    model: &Model,
    provider: Provider,
    gpu: &GpuOptions,
    onnxruntime: Option<&str>,
) -> ProviderOptions {
    match provider {
        Provider::TensorRt => tensorrt::options(model, gpu, minor(onnxruntime)),
        Provider::Cuda => cuda::options(gpu, minor(onnxruntime)),
        Provider::Cpu | Provider::Tract => Vec::new(),
    }
}

/// Those of the options that change the engine: a part of the key of
/// [`MadeFor`](super::cache::MadeFor).
#[must_use]
pub fn built_options(
    model: &Model,
    provider: Provider,
    gpu: &GpuOptions,
) -> BTreeMap<String, String> {
    let options = match provider {
        Provider::TensorRt => tensorrt::built(model, gpu),
        // The version of the library is in the key by itself.
        Provider::Cuda => cuda::built(OLDEST),
        Provider::Cpu | Provider::Tract => Vec::new(),
    };
    options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The provider with its options; `None` for one that needs no registration.
pub(super) fn dispatch(
    model: &Model,
    provider: Provider,
    gpu: &GpuOptions,
    onnxruntime: Option<&str>,
) -> Option<ExecutionProviderDispatch> {
    let options = provider_options(model, provider, gpu, onnxruntime);
    match provider {
        Provider::TensorRt => Some(tensorrt::dispatch(options)),
        Provider::Cuda => Some(cuda::dispatch(options)),
        Provider::Cpu | Provider::Tract => None,
    }
}

/// The second number of a version.
fn minor(version: Option<&str>) -> u32 {
    let second = version.and_then(|version| version.split('.').nth(1));
    second.and_then(|number| number.parse().ok()).unwrap_or(OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_counts_as_the_oldest() {
        for (version, expected) in
            [(Some("1.18.0"), 18), (Some("1.32"), 32), (Some("x"), 17), (None, 17)]
        {
            assert_eq!(minor(version), expected);
        }
    }
}
