//! The state of the service and of its machine that is known without work.

use edge::board::{Board, next_step};
use edge::engine::Provider;
use serde::Serialize;
use utoipa::ToSchema;

use super::service::{Bundle, Engine};

/// The state of the service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServiceDoctor {
    /// The service's version.
    #[schema(max_length = 64, example = "0.1.0")]
    pub version: &'static str,
    /// The bundle in use.
    pub bundle: Bundle,
    /// The engine in use, and why others were rejected.
    pub engine: Engine,
    /// The machine that the service runs on.
    pub board: ServiceBoard,
    /// The store, which has all galleries.
    pub store: StoreState,
    /// Who may call the service.
    pub access: AccessState,
    /// The limits of the service.
    pub limits: ServiceLimits,
    /// Seconds since the service became ready.
    pub uptime_seconds: u64,
    /// What is to be mended; empty if nothing is.
    #[schema(max_items = 16)]
    pub problems: Vec<String>,
}

/// The machine that the service runs on. Null is not known: most machines lack most of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServiceBoard {
    /// The name of the board, or of the computer.
    #[schema(max_length = 128, example = "NVIDIA Jetson Orin Nano Developer Kit")]
    pub model: Option<String>,
    /// The release of JetPack on a Jetson.
    #[schema(max_length = 128, example = "6.2.1")]
    pub jetpack: Option<String>,
    /// The release of Jetson Linux.
    #[schema(max_length = 32, example = "36.4.4")]
    pub l4t: Option<String>,
    /// The version of CUDA.
    #[schema(max_length = 32, example = "12.6.10")]
    pub cuda: Option<String>,
    /// The version of cuDNN.
    #[schema(max_length = 32, example = "9.3.0")]
    pub cudnn: Option<String>,
    /// The version of TensorRT.
    #[schema(max_length = 32, example = "10.3.0")]
    pub tensorrt: Option<String>,
    /// The version of NVIDIA's driver.
    #[schema(max_length = 32, example = "540.4.0")]
    pub driver: Option<String>,
    /// The power mode of a Jetson.
    #[schema(max_length = 160, example = "MAXN_SUPER (mode 2)")]
    pub power_mode: Option<String>,
    /// Cores of the processor that are switched on.
    #[schema(minimum = 0)]
    pub cores: Option<usize>,
    /// The clock of the fastest core now, in MHz.
    #[schema(minimum = 0)]
    pub clock_mhz: Option<u32>,
    /// The highest clock that the power mode allows, in MHz.
    #[schema(minimum = 0)]
    pub clock_limit_mhz: Option<u32>,
    /// The highest clock of the hardware, in MHz.
    #[schema(minimum = 0)]
    pub clock_max_mhz: Option<u32>,
    /// Bytes of memory.
    #[schema(minimum = 0)]
    pub memory_bytes: Option<u64>,
    /// Bytes of memory that programs can still take.
    #[schema(minimum = 0)]
    pub memory_available_bytes: Option<u64>,
    /// The highest temperature of its sensors, in degrees Celsius.
    #[schema(minimum = -40, maximum = 150, example = 48.5)]
    pub celsius: Option<f32>,
    /// What to install so that a better engine than the one in use works; null if there is none.
    #[schema(max_length = 2000)]
    pub next_step: Option<String>,
}

impl ServiceBoard {
    /// The board, on which this engine is in use.
    #[must_use]
    pub fn new(board: &Board, engine: Option<Provider>) -> Self {
        let clocks = board.clocks.as_ref();
        Self {
            model: board.model.clone(),
            jetpack: board.jetpack.clone(),
            l4t: board.l4t.map(|l4t| l4t.to_string()),
            cuda: board.cuda.clone(),
            cudnn: board.cudnn.clone(),
            tensorrt: board.tensorrt.clone(),
            driver: board.driver.clone(),
            power_mode: board.power_mode.as_ref().map(ToString::to_string),
            cores: clocks.map(|clocks| clocks.cores),
            clock_mhz: clocks.and_then(|clocks| clocks.now_mhz),
            clock_limit_mhz: clocks.and_then(|clocks| clocks.limit_mhz),
            clock_max_mhz: clocks.and_then(|clocks| clocks.max_mhz),
            memory_bytes: board.memory.map(|memory| memory.total),
            memory_available_bytes: board.memory.map(|memory| memory.available),
            celsius: board.hottest().map(|hottest| hottest.celsius),
            next_step: next_step(board, engine).map(|step| step.to_string()),
        }
    }
}

/// The store.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct StoreState {
    /// The number of its format.
    pub format: u64,
    /// Bytes that it takes on the disk, up to `limits.max_store_bytes`; null if it cannot be read.
    #[schema(minimum = 0)]
    pub bytes: Option<u64>,
    /// Bytes that can still be written on its disk; null if the system does not state it.
    #[schema(minimum = 0)]
    pub free_bytes: Option<u64>,
    /// Number of galleries, without deleted ones.
    pub galleries: usize,
    /// True if the service was started with `--read-only`: changes are refused.
    pub read_only: bool,
}

/// Who may call the service.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct AccessState {
    /// True if every call needs a key, except for the health and the page.
    pub keys_required: bool,
    /// True if the service encrypts connections itself.
    pub tls: bool,
}

/// The limits of the service, by the names of their settings.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ServiceLimits {
    /// Bytes of one body.
    pub max_body_bytes: usize,
    /// Images in one call.
    pub max_files: usize,
    /// Pixels of one image.
    pub max_pixels: u64,
    /// Images that wait or are being processed.
    pub max_queue: usize,
    /// Bytes of all bodies and answers in memory.
    pub max_buffer_bytes: usize,
    /// Classes of a gallery.
    pub max_classes: usize,
    /// Examples of a gallery.
    pub max_examples: usize,
    /// Bytes that the store takes on the disk.
    pub max_store_bytes: u64,
    /// Bytes of a gallery's file that is imported.
    pub max_import_bytes: usize,
    /// Open connections.
    pub max_connections: usize,
    /// Seconds until a request must have arrived and its response must be read.
    pub receive_seconds: u64,
    /// Seconds until a request must be answered.
    pub deadline_seconds: u64,
    /// Seconds until a gallery must be exported or imported.
    pub transfer_seconds: u64,
    /// Seconds that running requests have to finish when the service stops.
    pub drain_seconds: u64,
}
