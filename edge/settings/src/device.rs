//! The settings of both programs.

use std::path::PathBuf;

use confique::Config;
use edge::device::{DeviceSettings, Threads};
use edge::engine::{EngineChoice, PrecisionChoice};

use crate::error::SettingsError;

/// Settings of the service and the command.
// `global` is for the command: its subcommands take them too.
#[derive(Debug, Clone, Config)]
#[config(layer_attr(derive(Debug, clap::Args)))]
pub struct Device {
    /// Folder of the store, which keeps the enrolled classes [default: handful/store in the user's
    /// data folder]
    #[config(env = "HANDFUL_STORE")]
    #[config(layer_attr(arg(long, global = true, value_name = "DIR")))]
    pub store: Option<PathBuf>,

    /// Bundle (network and its files): a folder or a name [default: the shipped one]
    #[config(env = "HANDFUL_BUNDLE")]
    #[config(layer_attr(arg(long, global = true, value_name = "DIR")))]
    pub bundle: Option<PathBuf>,

    /// Inference engine: tensorrt, cuda or cpu (of ONNX Runtime), tract (built in), or the first
    /// that works: of ONNX Runtime's with onnxruntime, of all with auto [default: auto; onnxruntime
    /// if its library is named]
    #[config(env = "HANDFUL_ENGINE")]
    #[config(layer_attr(arg(long, global = true, value_name = "ENGINE")))]
    pub engine: Option<EngineChoice>,

    /// Precision of the network: fp32, fp16, int8, or auto, what the bundle has for the engine
    /// [default: auto]
    #[config(env = "HANDFUL_PRECISION")]
    #[config(layer_attr(arg(long, global = true, value_name = "PRECISION")))]
    pub precision: Option<PrecisionChoice>,

    /// Library of ONNX Runtime [default: the environment variable ORT_DYLIB_PATH, else searched
    /// next to this program]
    #[config(env = "HANDFUL_ONNXRUNTIME")]
    #[config(layer_attr(arg(long, global = true, value_name = "FILE")))]
    pub onnxruntime: Option<PathBuf>,

    /// Threads of the engine, at most the cores of this machine [default: one for each performance
    /// core]
    #[config(env = "HANDFUL_THREADS")]
    #[config(layer_attr(arg(long, global = true, value_name = "N")))]
    pub threads: Option<Threads>,

    /// Images of one run for which TensorRT chooses its kernels, up to the largest batch of the
    /// bundle; other batches work too [default: 1]
    #[config(env = "HANDFUL_BATCH")]
    #[config(layer_attr(arg(long, global = true, value_name = "N")))]
    pub batch: Option<usize>,

    /// Core of the deep learning accelerator (DLA) of a Jetson that TensorRT uses for fp16 and int8
    /// [default: the GPU]
    #[config(env = "HANDFUL_DLA_CORE")]
    #[config(layer_attr(arg(long, global = true, value_name = "N")))]
    pub dla_core: Option<u32>,

    /// Folder of the engines that TensorRT has built [default: handful/engines in the user's cache
    /// folder, or engines in that of the system service]
    #[config(env = "HANDFUL_ENGINE_CACHE")]
    #[config(layer_attr(arg(long, global = true, value_name = "DIR")))]
    pub engine_cache: Option<PathBuf>,

    /// Pixels of one image; a JPEG of up to 16 times as many is decoded at reduced size
    // With 12 bytes per pixel: 0.48 GB at most.
    #[config(env = "HANDFUL_MAX_PIXELS", default = 40_000_000)]
    #[config(layer_attr(arg(long, global = true, value_name = "N")))]
    pub max_pixels: u64,
}

impl Device {
    /// The same for the library.
    ///
    /// # Errors
    /// [`SettingsError::Contradiction`] if no image would be read, or a batch has none.
    pub fn checked(self) -> Result<DeviceSettings, SettingsError> {
        if self.max_pixels == 0 {
            let reason = "--max-pixels 0: expected 1 or more".to_owned();
            return Err(SettingsError::Contradiction(reason));
        }
        if self.batch == Some(0) {
            let reason = "--batch 0: expected 1 or more".to_owned();
            return Err(SettingsError::Contradiction(reason));
        }
        Ok(DeviceSettings {
            bundle: self.bundle,
            engine: self.engine,
            precision: self.precision,
            threads: self.threads,
            onnxruntime: self.onnxruntime,
            batch: self.batch,
            dla_core: self.dla_core,
            engine_cache: self.engine_cache,
            store: self.store,
            max_pixels: Some(self.max_pixels),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::cases::device;

    #[test]
    fn no_pixels_are_refused() {
        let error = device("max_pixels = 0").unwrap().checked().unwrap_err().to_string();
        assert_eq!(error, "--max-pixels 0: expected 1 or more");
        let settings = device("max_pixels = 1\nengine = \"tract\"").unwrap().checked().unwrap();
        assert_eq!(settings.max_pixels, Some(1));
        let error = device("batch = 0").unwrap().checked().unwrap_err().to_string();
        assert_eq!(error, "--batch 0: expected 1 or more");
        assert_eq!(settings.engine, Some("tract".parse().unwrap()));
    }
}
