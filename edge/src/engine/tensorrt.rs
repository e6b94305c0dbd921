//! The options of ONNX Runtime's provider for TensorRT, as data.
//!
//! One engine is built for all batches up to the largest. Without these profiles of shapes
//! TensorRT would build an engine for each batch that it meets, while a request waits.

use std::iter;
use std::path::Path;

use models::bundle::Precision;
use models::graph::Shape;
use ort::ep::{ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch, TensorRT};

use super::model::{CONTEXT_FILE, EngineFiles, GpuOptions, Model};

/// TensorRT's usual effort. More takes minutes and gains little for networks of this size.
const BUILDER_LEVEL: u8 = 3;

/// Of the free memory, the part that a layer may use while it is tried and while it runs.
const WORKSPACE_PART: u64 = 4;

/// With less no convolution is fast.
const LEAST_WORKSPACE: u64 = 64 << 20;

/// More is of no use to networks of this size.
const MOST_WORKSPACE: u64 = 2 << 30;

/// The first release of ONNX Runtime, `1.N`, whose provider writes an engine as an ONNX file.
const FIRST_WITH_CONTEXT: u32 = 18;

/// All options for ONNX Runtime `1.minor`.
pub(super) fn options(model: &Model, gpu: &GpuOptions, minor: u32) -> Vec<(&'static str, String)> {
    let mut options = built(model, gpu);
    if let Some(free) = gpu.free_memory {
        options.push(("trt_max_workspace_size", workspace(free).to_string()));
    }
    match &gpu.files {
        EngineFiles::Nowhere => {}
        EngineFiles::Build(folder) if minor >= FIRST_WITH_CONTEXT => {
            options.extend(context(folder));
            options.extend(timing_cache(folder));
        }
        // The engine is in the ONNX file that is loaded in place of the network.
        EngineFiles::Built(folder) if folder.join(CONTEXT_FILE).exists() => {}
        EngineFiles::Build(folder) => {
            options.extend(engine_cache(folder));
            options.extend(timing_cache(folder));
        }
        // Without the times of kernels, which nothing may change in a folder that is verified.
        EngineFiles::Built(folder) => options.extend(engine_cache(folder)),
    }
    options
}

/// The options that change the engine.
pub(super) fn built(model: &Model, gpu: &GpuOptions) -> Vec<(&'static str, String)> {
    let batch = gpu.batch.unwrap_or(1).clamp(1, model.max_batch.max(1));
    let mut options = vec![
        ("trt_fp16_enable", flag(model.precision == Precision::Fp16)),
        ("trt_int8_enable", flag(model.precision.is_integer())),
        ("trt_profile_min_shapes", profile(model.inputs, 1)),
        ("trt_profile_opt_shapes", profile(model.inputs, batch)),
        ("trt_profile_max_shapes", profile(model.inputs, model.max_batch)),
        ("trt_builder_optimization_level", BUILDER_LEVEL.to_string()),
    ];
    if let Some(core) = gpu.dla_core.filter(|_| model.precision != Precision::Fp32) {
        options.push(("trt_dla_enable", flag(true)));
        options.push(("trt_dla_core", core.to_string()));
    }
    options
}

/// The provider with these options.
pub(super) fn dispatch(options: Vec<(&'static str, String)>) -> ExecutionProviderDispatch {
    let provider = options.into_iter().fold(TensorRT::default(), |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    });
    provider.build()
}

/// An ONNX file with the engine in it, which needs neither the network nor another file.
fn context(folder: &Path) -> [(&'static str, String); 3] {
    [
        ("trt_dump_ep_context_model", flag(true)),
        ("trt_ep_context_file_path", folder.join(CONTEXT_FILE).display().to_string()),
        ("trt_ep_context_embed_mode", flag(true)),
    ]
}

/// A file with the engine, which the provider looks for when it loads the network.
fn engine_cache(folder: &Path) -> [(&'static str, String); 2] {
    [
        ("trt_engine_cache_enable", flag(true)),
        ("trt_engine_cache_path", folder.display().to_string()),
    ]
}

/// The times of kernels, with which a build for a slightly different network is short.
fn timing_cache(folder: &Path) -> [(&'static str, String); 2] {
    [
        ("trt_timing_cache_enable", flag(true)),
        ("trt_timing_cache_path", folder.display().to_string()),
    ]
}

fn workspace(free: u64) -> u64 {
    (free / WORKSPACE_PART).clamp(LEAST_WORKSPACE, MOST_WORKSPACE)
}

fn flag(on: bool) -> String {
    if on { "1" } else { "0" }.to_owned()
}

/// The inputs at one batch size as TensorRT reads them: `image:8x3x84x84`, separated by commas.
fn profile(inputs: &[(String, Shape)], batch: usize) -> String {
    let mut profile = Vec::new();
    for (name, shape) in inputs {
        let dims: Vec<_> = iter::once(&batch).chain(shape).map(usize::to_string).collect();
        profile.push(format!("{name}:{}", dims.join("x")));
    }
    profile.join(",")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn all(
        precision: Precision,
        gpu: &GpuOptions,
        minor: u32,
    ) -> std::collections::BTreeMap<&'static str, String> {
        let inputs = [("image".to_owned(), vec![3, 84, 84]), ("scale".to_owned(), vec![1])];
        let model = Model { onnx: b"", inputs: &inputs, max_batch: 16, precision };
        let options = options(&model, gpu, minor);
        let count = options.len();
        let map: std::collections::BTreeMap<_, _> = options.into_iter().collect();
        assert_eq!(map.len(), count, "an option is given twice");
        map
    }

    #[test]
    fn the_profiles_are_those_of_the_manifest() {
        for (batch, opt) in [(None, 1), (Some(4), 4), (Some(0), 1), (Some(99), 16)] {
            let gpu = GpuOptions { batch, ..GpuOptions::default() };
            let options = all(Precision::Fp32, &gpu, 18);
            assert_eq!(options["trt_profile_min_shapes"], "image:1x3x84x84,scale:1x1");
            let expected = format!("image:{opt}x3x84x84,scale:{opt}x1");
            assert_eq!(options["trt_profile_opt_shapes"], expected);
            assert_eq!(options["trt_profile_max_shapes"], "image:16x3x84x84,scale:16x1");
        }
    }

    #[test]
    fn the_arithmetic_is_that_of_the_file() {
        for precision in Precision::ALL {
            let options = all(precision, &GpuOptions::default(), 18);
            let is_half = precision == Precision::Fp16;
            assert_eq!(options["trt_fp16_enable"], flag(is_half), "{precision}");
            assert_eq!(options["trt_int8_enable"], flag(precision.is_integer()), "{precision}");
            assert_eq!(options["trt_builder_optimization_level"], "3");
        }
    }

    #[test]
    fn the_accelerator_runs_what_it_can_compute() {
        let gpu = GpuOptions { dla_core: Some(1), ..GpuOptions::default() };
        let options = all(Precision::Fp16, &gpu, 18);
        assert_eq!(
            (options["trt_dla_enable"].as_str(), options["trt_dla_core"].as_str()),
            ("1", "1")
        );
        assert!(!all(Precision::Fp32, &gpu, 18).contains_key("trt_dla_core"));
        assert!(!all(Precision::Fp16, &GpuOptions::default(), 18).contains_key("trt_dla_enable"));
    }

    #[test]
    fn the_workspace_is_a_part_of_the_free_memory() {
        const GIB: u64 = 1 << 30;
        for (free, expected) in
            [(4 * GIB, GIB), (0, 64 << 20), (100 * GIB, 2 * GIB), (u64::MAX, 2 * GIB)]
        {
            let gpu = GpuOptions { free_memory: Some(free), ..GpuOptions::default() };
            let options = all(Precision::Fp32, &gpu, 18);
            assert_eq!(options["trt_max_workspace_size"], expected.to_string());
        }
        let options = all(Precision::Fp32, &GpuOptions::default(), 18);
        assert!(!options.contains_key("trt_max_workspace_size"));
    }

    #[test]
    fn a_build_writes_an_onnx_file_or_an_engine_for_older_libraries() {
        let files = EngineFiles::Build("/new".into());
        let gpu = GpuOptions { files, ..GpuOptions::default() };
        let options = all(Precision::Fp32, &gpu, 18);
        assert_eq!(options["trt_dump_ep_context_model"], "1");
        assert_eq!(options["trt_ep_context_file_path"], "/new/context.onnx");
        assert_eq!(options["trt_ep_context_embed_mode"], "1");
        assert_eq!(options["trt_timing_cache_enable"], "1");
        assert_eq!(options["trt_timing_cache_path"], "/new");
        assert!(!options.contains_key("trt_engine_cache_enable"));
        let options = all(Precision::Fp32, &gpu, 17);
        assert_eq!(options["trt_engine_cache_enable"], "1");
        assert_eq!(options["trt_engine_cache_path"], "/new");
        assert_eq!(options["trt_timing_cache_path"], "/new");
        assert!(!options.contains_key("trt_dump_ep_context_model"));
    }

    #[test]
    fn a_built_engine_is_read_in_the_form_that_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let files = EngineFiles::Built(folder.path().to_owned());
        let gpu = GpuOptions { files, ..GpuOptions::default() };
        let place = folder.path().display().to_string();
        let options = all(Precision::Fp32, &gpu, 18);
        assert_eq!(options["trt_engine_cache_path"], place);
        assert!(!options.contains_key("trt_timing_cache_path"));
        fs::write(folder.path().join(CONTEXT_FILE), "x").unwrap();
        let options = all(Precision::Fp32, &gpu, 18);
        for key in ["trt_engine_cache_path", "trt_dump_ep_context_model"] {
            assert!(!options.contains_key(key), "{key}");
        }
    }
}
