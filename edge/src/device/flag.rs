//! How programs offer the settings of a device: one definition for every program.

/// How a program offers a field of [`DeviceSettings`](super::DeviceSettings): as a flag, as an
/// environment variable and as a key of its settings file.
///
/// These are texts only, since the parser of a command line is a choice of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// The name of the field, which is the key of a settings file.
    pub name: &'static str,
    /// The flag, without `--`.
    pub long: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// What the help calls the value.
    pub value: &'static str,
    /// What is set, and the default, in one line.
    pub help: &'static str,
}

impl Flag {
    /// [`DeviceSettings::bundle`](super::DeviceSettings::bundle).
    pub const BUNDLE: Self = Self {
        name: "bundle",
        long: "bundle",
        env: "HANDFUL_BUNDLE",
        value: "DIR",
        help: "Bundle (network and its files): a folder or a name [default: the shipped one]",
    };

    /// [`DeviceSettings::engine`](super::DeviceSettings::engine).
    pub const ENGINE: Self = Self {
        name: "engine",
        long: "engine",
        env: "HANDFUL_ENGINE",
        value: "ENGINE",
        help: "Inference engine: tensorrt, cuda or cpu (of ONNX Runtime), tract (built in), or the \
               first that works: of ONNX Runtime's with onnxruntime, of all with auto [default: \
               auto; onnxruntime if its library is named]",
    };

    /// [`DeviceSettings::precision`](super::DeviceSettings::precision).
    pub const PRECISION: Self = Self {
        name: "precision",
        long: "precision",
        env: "HANDFUL_PRECISION",
        value: "PRECISION",
        help: "Precision of the network: fp32, fp16, int8, or auto, what the bundle has for the \
               engine [default: auto]",
    };

    /// [`DeviceSettings::threads`](super::DeviceSettings::threads).
    pub const THREADS: Self = Self {
        name: "threads",
        long: "threads",
        env: "HANDFUL_THREADS",
        value: "N",
        help: "Threads of the engine, at most the cores of this machine [default: chosen by the \
               engine]",
    };

    /// [`DeviceSettings::onnxruntime`](super::DeviceSettings::onnxruntime).
    pub const ONNXRUNTIME: Self = Self {
        name: "onnxruntime",
        long: "onnxruntime",
        env: "HANDFUL_ONNXRUNTIME",
        value: "FILE",
        help: "Library of ONNX Runtime [default: the environment variable ORT_DYLIB_PATH, else \
               searched next to this program]",
    };

    /// [`DeviceSettings::store`](super::DeviceSettings::store).
    pub const STORE: Self = Self {
        name: "store",
        long: "store",
        env: "HANDFUL_STORE",
        value: "DIR",
        help: "Folder of the store, which keeps the enrolled classes [default: handful/store in the \
               user's data folder]",
    };

    /// [`DeviceSettings::max_pixels`](super::DeviceSettings::max_pixels).
    pub const MAX_PIXELS: Self = Self {
        name: "max_pixels",
        long: "max-pixels",
        env: "HANDFUL_MAX_PIXELS",
        value: "N",
        help: "Pixels of one image; a JPEG of up to 16 times as many is decoded at reduced size \
               [default: 40000000]",
    };

    /// One for each field.
    pub const ALL: [Self; 7] = [
        Self::BUNDLE,
        Self::ENGINE,
        Self::PRECISION,
        Self::THREADS,
        Self::ONNXRUNTIME,
        Self::STORE,
        Self::MAX_PIXELS,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DeviceSettings;

    #[test]
    fn every_flag_is_a_field_of_the_settings() {
        for Flag { name, env, .. } in Flag::ALL {
            assert_eq!(env, format!("HANDFUL_{}", name.to_uppercase()));
            // A key that is no field would be refused as unknown, not for its type.
            let map = serde_json::json!({ name: [] });
            let error = serde_json::from_value::<DeviceSettings>(map).unwrap_err().to_string();
            assert!(!error.contains("unknown field"), "{error}");
        }
    }
}
