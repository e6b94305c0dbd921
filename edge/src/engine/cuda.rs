//! The options of ONNX Runtime's provider for CUDA, as data.

use ort::ep::{ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProviderDispatch};

use super::model::GpuOptions;

/// Of the free memory, the part that the provider may take. A Jetson's is the GPU's too.
const MEMORY_PART: u64 = 2;

/// With less no network runs.
const LEAST_MEMORY: u64 = 256 << 20;

/// The first release of ONNX Runtime, `1.N`, that can be asked not to use TF32.
const FIRST_WITHOUT_TF32: u32 = 18;

/// All options for ONNX Runtime `1.minor`.
pub(super) fn options(gpu: &GpuOptions, minor: u32) -> Vec<(&'static str, String)> {
    let mut options = built(minor);
    if let Some(free) = gpu.free_memory {
        let limit = (free / MEMORY_PART).max(LEAST_MEMORY);
        options.push(("gpu_mem_limit", limit.to_string()));
        // Doubling it, as it does otherwise, would reach the limit with half of it unused.
        options.push(("arena_extend_strategy", "kSameAsRequested".to_owned()));
    }
    options
}

/// The options that change what is computed, and how fast.
pub(super) fn built(minor: u32) -> Vec<(&'static str, String)> {
    // An exhaustive search would run at each batch that is new, while a request waits.
    let mut options = vec![("cudnn_conv_algo_search", "HEURISTIC".to_owned())];
    if minor >= FIRST_WITHOUT_TF32 {
        // TF32 keeps 10 bits of a product's factors: not the precision that the bundle states.
        options.push(("use_tf32", "0".to_owned()));
    }
    options
}

/// The provider with these options.
pub(super) fn dispatch(options: Vec<(&'static str, String)>) -> ExecutionProviderDispatch {
    let provider = options
        .into_iter()
        .fold(CUDA::default(), |provider, (key, value)| provider.with_arbitrary_config(key, value));
    provider.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(options: &[(&'static str, String)], key: &str) -> Option<String> {
        options.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    }

    #[test]
    fn products_keep_the_precision_of_the_bundle() {
        let options = options(&GpuOptions::default(), 18);
        assert_eq!(value(&options, "use_tf32").as_deref(), Some("0"));
        assert_eq!(value(&options, "cudnn_conv_algo_search").as_deref(), Some("HEURISTIC"));
        assert_eq!(value(&options, "gpu_mem_limit"), None);
        // ONNX Runtime 1.17 refuses an option that it does not know.
        assert_eq!(value(&built(17), "use_tf32"), None);
    }

    #[test]
    fn memory_is_limited_to_a_part_of_what_is_free() {
        for (free, expected) in [(8_u64 << 30, 4_u64 << 30), (0, 256 << 20)] {
            let gpu = GpuOptions { free_memory: Some(free), ..GpuOptions::default() };
            let options = options(&gpu, 31);
            assert_eq!(value(&options, "gpu_mem_limit"), Some(expected.to_string()));
            let strategy = value(&options, "arena_extend_strategy");
            assert_eq!(strategy.as_deref(), Some("kSameAsRequested"));
        }
    }
}
