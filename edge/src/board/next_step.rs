//! What to install for the next better engine.

use std::fmt;

use super::Board;
use super::jetpack::Release;
use crate::engine::Provider;

/// What to do so that a better engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    /// The engine that runs then.
    pub provider: Provider,
    /// What to do, in order.
    pub actions: Vec<String>,
    /// The row of the table of JetPack that this is from.
    pub release: Option<&'static Release>,
}

impl NextStep {
    /// The command of an action, as it is typed; `None` if a person does the action by hand.
    #[must_use]
    pub fn command(action: &str) -> Option<&str> {
        let (command, _) = action.strip_prefix("run `")?.split_once('`')?;
        Some(command)
    }
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for {}: {}", self.provider, self.actions.join("; then "))?;
        let Some(Release { jetpack, source, onnxruntime_source, read_on, unsure, .. }) =
            self.release
        else {
            return Ok(());
        };
        write!(f, " (JetPack {jetpack}, as read on {read_on}: {source} {onnxruntime_source}")?;
        match unsure {
            Some(unsure) => write!(f, "; not certain: {unsure})"),
            None => f.write_str(")"),
        }
    }
}

const NAME_IT: &str = "name its libonnxruntime.so with --onnxruntime or ORT_DYLIB_PATH";

/// Below the wheels, where nobody looks for it.
const NAME_IT_OF_WHEEL: &str = "name the file onnxruntime/capi/libonnxruntime.so.* of the wheel \
    with --onnxruntime or ORT_DYLIB_PATH";

const ANY_CPU: &str = "run `pip3 install onnxruntime`";

const ANY_GPU: &str = "install the CUDA, cuDNN and TensorRT that the newest ONNX Runtime needs: \
    https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html";

const ANY_GPU_WHEEL: &str = "run `pip3 install onnxruntime-gpu`";

/// What to install for the next better engine on this board. `best` is the best that works now.
///
/// `None` if there is none better.
#[must_use]
pub fn next_step(board: &Board, best: Option<Provider>) -> Option<NextStep> {
    if best == Some(Provider::TensorRt) {
        return None;
    }
    let release = board.release();
    if let Some(release) = release
        && let Some(install) = release.install
    {
        return Some(on_jetson(board, release, install));
    }
    if board.l4t.is_none() && board.driver.is_some() {
        let actions = [ANY_GPU, ANY_GPU_WHEEL, NAME_IT_OF_WHEEL].map(str::to_owned).to_vec();
        return Some(NextStep { provider: Provider::TensorRt, actions, release: None });
    }
    on_processor(release, best)
}

fn on_jetson(board: &Board, release: &'static Release, install: &str) -> NextStep {
    let mut actions = Vec::new();
    let Board { cuda, cudnn, tensorrt, .. } = board;
    if [cuda, cudnn, tensorrt].iter().any(|version| version.is_none()) {
        let Release { cuda, tensorrt, .. } = release;
        let cudnn = release.cudnn.map(|version| format!(", cuDNN {version}")).unwrap_or_default();
        actions.push(format!(
            "run `sudo apt install nvidia-jetpack`, which brings CUDA {cuda}{cudnn} and TensorRT \
             {tensorrt}"
        ));
    }
    actions.push(install.to_owned());
    actions.push(name_it(install).to_owned());
    NextStep { provider: Provider::TensorRt, actions, release: Some(release) }
}

fn on_processor(release: Option<&'static Release>, best: Option<Provider>) -> Option<NextStep> {
    if matches!(best, Some(Provider::Cpu | Provider::Cuda)) {
        return None;
    }
    let install = release.map_or(ANY_CPU, |release| release.install_cpu);
    let actions = [install, name_it(install)].map(str::to_owned).to_vec();
    Some(NextStep { provider: Provider::Cpu, actions, release })
}

/// Where the library is after an installation.
fn name_it(install: &str) -> &'static str {
    let is_wheel = install.contains("pip3") || install.contains(".whl");
    if is_wheel { NAME_IT_OF_WHEEL } else { NAME_IT }
}
