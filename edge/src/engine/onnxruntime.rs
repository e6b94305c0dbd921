//! ONNX Runtime, from a shared library found at run time.
//!
//! By default, ONNX Runtime moves to the processor what a GPU provider cannot run. Here that is an
//! error: one provider is registered at a time, its registration must succeed, and no node of the
//! network may move to the processor. So the network runs where [`Engine::provider`] says.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use models::bundle::Precision;
use models::disk;
use ndarray::{ArrayD, ArrayViewD, CowArray, IxDyn};
use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider};
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, TensorRef};

use super::choice::Provider;
use super::error::EngineError;
use super::gpu;
use super::model::{CONTEXT_FILE, Engine, EngineFiles, EngineOptions, GpuOptions, Model};
use super::signature::Signature;

/// The most that a file of its kind (protobuf) may have.
const MAX_BUILT_BYTES: u64 = 2 << 30;

/// A session of ONNX Runtime.
pub(super) struct OnnxRuntime {
    session: Session,
    provider: Provider,
    signature: Signature,
}

impl OnnxRuntime {
    pub(super) fn load(
        model: &Model,
        provider: Provider,
        options: &EngineOptions,
    ) -> Result<Self, EngineError> {
        let library = options.onnxruntime.as_deref().ok_or(EngineError::NoLibrary)?;
        let environment = environment(library)?;
        let mut builder = Session::builder(&environment).map_err(refused)?;
        if let Some(threads) = options.threads {
            builder = builder.with_intra_threads(threads).map_err(refused)?;
        }
        let version = library_version(library);
        let mut builder = register(builder, model, provider, &options.gpu, version.as_deref())?;
        let onnx = match provider {
            Provider::TensorRt => network(model, &options.gpu.files)?,
            _ => model.onnx.into(),
        };
        let session = builder.commit_from_memory(&onnx).map_err(refused)?;
        Ok(Self { session, provider, signature: Signature::of(model) })
    }
}

/// Loads a provider of the library of ONNX Runtime without a network, as fast as a library loads.
///
/// # Errors
/// [`EngineError`] with the library that is missing on this machine, or why it cannot be used.
pub fn check_provider(provider: Provider, options: &EngineOptions) -> Result<(), EngineError> {
    if provider.is_tract() {
        return Ok(());
    }
    let library = options.onnxruntime.as_deref().ok_or(EngineError::NoLibrary)?;
    let builder = Session::builder(&environment(library)?).map_err(refused)?;
    let model = Model { onnx: &[], inputs: &[], max_batch: 1, precision: Precision::Fp32 };
    let version = library_version(library);
    register(builder, &model, provider, &GpuOptions::default(), version.as_deref()).map(drop)
}

/// Adds a provider; it is an error if the provider cannot be used.
fn register(
    builder: SessionBuilder,
    model: &Model,
    provider: Provider,
    options: &GpuOptions,
    version: Option<&str>,
) -> Result<SessionBuilder, EngineError> {
    // ONNX Runtime always has its provider for the processor.
    let Some(gpu) = gpu::dispatch(model, provider, options, version) else { return Ok(builder) };
    let builder = builder.with_execution_providers([gpu.error_on_failure()]).map_err(refused)?;
    builder.with_disable_cpu_fallback().map_err(refused)
}

/// The network to load: the engine that was built of it, if there is one as a file.
fn network<'a>(model: &Model<'a>, files: &EngineFiles) -> Result<Cow<'a, [u8]>, EngineError> {
    let EngineFiles::Built(folder) = files else { return Ok(model.onnx.into()) };
    let file = folder.join(CONTEXT_FILE);
    if !file.exists() {
        // An engine of the older form: the provider finds it in the folder.
        return Ok(model.onnx.into());
    }
    let bytes = disk::read(&file, MAX_BUILT_BYTES);
    bytes.map(Cow::Owned).map_err(|error| EngineError::Refused(error.to_string()))
}

impl Engine for OnnxRuntime {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        let (views, _) = self.signature.order(inputs)?;
        // ONNX Runtime reads one slice in row-major order.
        let arrays: Vec<_> = views.iter().map(|view| view.as_standard_layout()).collect();
        let names = self.signature.inputs().iter().map(|(name, _)| name.as_str());
        let values: Result<Vec<_>, _> = names.zip(&arrays).map(input).collect();
        let outputs = self.session.run(values?).map_err(refused)?;
        outputs.iter().map(|(name, value)| output(name, &value)).collect()
    }
}

type NamedInput<'a> = (Cow<'a, str>, SessionInputValue<'a>);

fn input<'a>(
    (name, array): (&'a str, &'a CowArray<'_, f32, IxDyn>),
) -> Result<NamedInput<'a>, EngineError> {
    let slice = array.as_slice().expect("invariant: the layout is standard");
    let tensor = TensorRef::from_array_view((array.shape().to_vec(), slice)).map_err(refused)?;
    Ok((name.into(), tensor.into()))
}

fn output(name: &str, value: &DynValue) -> Result<ArrayD<f32>, EngineError> {
    let (shape, values) = value.try_extract_tensor::<f32>().map_err(refused)?;
    // A dimension is never negative here; 0 would not fit the values, which the next line reports.
    let dims: Vec<_> = shape.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
    ArrayD::from_shape_vec(IxDyn(&dims), values.to_vec()).map_err(|e| EngineError::Output {
        name: name.to_owned(),
        expected: format!("{dims:?}"),
        got: e.to_string(),
    })
}

/// One process holds one ONNX Runtime: the library that was loaded, and its environment.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// Loads the library of ONNX Runtime at `path`, unless this process has loaded it already.
///
/// # Errors
/// [`EngineError::Refused`] if the file is no library of ONNX Runtime, or one that is too old or
/// made for another processor; [`EngineError::OtherLibrary`].
pub fn load_library(path: &Path) -> Result<(), EngineError> {
    environment(path).map(drop)
}

/// The providers that the library of ONNX Runtime at `path` was built with. The library is loaded.
/// Whether they work here is another question: [`super::select`] answers it.
///
/// # Errors
/// Those of [`load_library`].
pub fn built_providers(path: &Path) -> Result<Vec<Provider>, EngineError> {
    environment(path)?;
    let gpu = [
        (Provider::TensorRt, ep::TensorRT::is_available().map_err(refused)?),
        (Provider::Cuda, ep::CUDA::is_available().map_err(refused)?),
    ];
    let built = gpu.into_iter().filter(|(_, is_built)| *is_built).map(|(provider, _)| provider);
    // ONNX Runtime always has its provider for the processor.
    Ok(built.chain([Provider::Cpu]).collect())
}

/// The version of the library of ONNX Runtime at `path`: `1.32.0` by the name of its file, or
/// `1.32` as the library states it. `None` if it cannot be loaded.
#[must_use]
pub fn library_version(path: &Path) -> Option<String> {
    let file = path.canonicalize().ok()?;
    let name = file.file_name()?.to_str()?;
    let named = name.strip_prefix("libonnxruntime.so.").filter(|rest| rest.contains('.'));
    named.map(str::to_owned).or_else(|| Some(format!("1.{}", ort::util::probe(&file)?)))
}

/// The environment of the library at `path`, which the first call loads. The `ort` crate is not
/// left to find a library: its own search panics if there is none.
pub(super) fn environment(path: &Path) -> Result<Environment, EngineError> {
    // Two paths may lead to one file.
    let asked = path.canonicalize().map_err(|error| {
        EngineError::Refused(format!("cannot read {}: {error}", path.display()))
    })?;
    // After a panic the value is whole: it is only replaced as one, when all else has succeeded.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*loaded {
        Some((path, environment)) if *path == asked => return Ok(environment.clone()),
        Some((path, _)) => return Err(EngineError::OtherLibrary { loaded: path.clone(), asked }),
        None => {}
    }
    let builder = ort::init_from(&asked).map_err(|e| EngineError::Refused(e.to_string()))?;
    // The log would repeat on standard error what the errors say.
    let quiet = builder
        .with_name("handful")
        .with_telemetry(false)
        .with_logger(Arc::new(|_, _, _, _, _| ()));
    let environment = quiet.build().map_err(refused)?;
    *loaded = Some((asked, environment.clone()));
    Ok(environment)
}

pub(super) fn refused<R>(error: ort::Error<R>) -> EngineError {
    EngineError::Refused(error.message().to_owned())
}
