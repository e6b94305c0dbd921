//! The machine that a program runs on: its board, JetPack, NVIDIA's libraries, clocks, memory and
//! temperature, and what to install for the next better engine.
//!
//! Everything is read from files below a root folder, which is `/` on the machine itself. A file
//! that is missing or unreadable leaves its value out and is no error: most machines lack most of
//! them. Nothing that is read identifies the machine or its user.
//!
//! # Examples
//! ```
//! use edge::board::{Board, next_step};
//! use edge::engine::Provider;
//!
//! let root = tempfile::tempdir()?;
//! std::fs::create_dir(root.path().join("etc"))?;
//! let release = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n";
//! std::fs::write(root.path().join("etc/nv_tegra_release"), release)?;
//! let board = Board::read(root.path());
//! assert_eq!(board.jetpack.as_deref(), Some("6.2"));
//! let step = next_step(&board, Some(Provider::Cpu)).ok_or("there is a better engine")?;
//! assert_eq!(step.provider, Provider::TensorRt);
//! assert!(step.to_string().contains("nvidia-jetpack"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod disk;
mod files;
mod gpu;
mod hardware;
mod jetpack;
mod l4t;
mod libraries;
mod machine;
mod next_step;
mod packages;
mod power;

pub use disk::{LEAST_FREE_BYTES, free_bytes};
pub use gpu::Gpu;
pub use hardware::{Clocks, Memory, Temperature};
pub use jetpack::{RELEASES, Release};
pub use l4t::L4t;
pub use next_step::{NextStep, next_step};
pub use power::PowerMode;

use std::path::Path;

/// The bytes of memory that programs can still take on this machine; `None` if it is not stated.
#[must_use]
pub fn available_memory() -> Option<u64> {
    hardware::memory(Path::new("/")).map(|memory| memory.available)
}

/// What is known of a machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    /// The name of the board, or of the computer: `NVIDIA Jetson Orin Nano Developer Kit`.
    pub model: Option<String>,
    /// The release of JetPack: `6.2.1` if its package is installed, else that of [`Self::l4t`].
    pub jetpack: Option<String>,
    /// The release of Jetson Linux.
    pub l4t: Option<L4t>,
    /// The GPU of NVIDIA.
    pub gpu: Option<Gpu>,
    /// The version of the CUDA toolkit, the newest if there are several.
    pub cuda: Option<String>,
    /// The version of cuDNN.
    pub cudnn: Option<String>,
    /// The version of TensorRT.
    pub tensorrt: Option<String>,
    /// The version of NVIDIA's driver. JetPack 4 and 5 have none: it is a part of Jetson Linux.
    pub driver: Option<String>,
    /// The power mode of a Jetson.
    pub power_mode: Option<PowerMode>,
    /// The processor's cores and clocks.
    pub clocks: Option<Clocks>,
    /// The memory, which a Jetson's processor and GPU share.
    pub memory: Option<Memory>,
    /// What the sensors measure.
    pub temperatures: Vec<Temperature>,
}

impl Board {
    /// Reads the files below `root`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let packages = packages::read(root);
        let l4t = l4t::read(root).or(packages.l4t);
        let release = l4t.and_then(jetpack::release);
        let jetpack = packages.jetpack.or_else(|| release.map(|row| row.jetpack.to_owned()));
        Self {
            model: hardware::model(root),
            jetpack,
            l4t,
            gpu: gpu::read(root),
            cuda: libraries::cuda(root),
            cudnn: libraries::cudnn(root),
            tensorrt: libraries::tensorrt(root),
            driver: libraries::driver(root),
            power_mode: power::read(root),
            clocks: hardware::clocks(root),
            memory: hardware::memory(root),
            temperatures: hardware::temperatures(root),
        }
    }

    /// The row of [`RELEASES`] for this board; `None` if it is no Jetson, or of another release.
    #[must_use]
    pub fn release(&self) -> Option<&'static Release> {
        self.l4t.and_then(jetpack::release)
    }

    /// Whether it has a GPU of NVIDIA.
    #[must_use]
    pub fn has_nvidia(&self) -> bool {
        self.l4t.is_some() || self.driver.is_some()
    }

    /// The sensor with the highest temperature.
    #[must_use]
    pub fn hottest(&self) -> Option<&Temperature> {
        self.temperatures.iter().max_by(|a, b| a.celsius.total_cmp(&b.celsius))
    }
}
