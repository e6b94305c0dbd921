//! What a built engine depends on, of what is known of a board.

use std::path::Path;

use super::Board;
use crate::engine::cache::Machine;
use crate::engine::library_version;

impl Board {
    /// What the engines that are built here depend on, with this library of ONNX Runtime.
    ///
    /// # Examples
    /// ```
    /// use edge::board::{Board, L4t};
    ///
    /// let board = Board { l4t: Some(L4t::new(35, 4, 1)), ..Board::default() };
    /// assert_eq!(board.machine(None).driver.as_deref(), Some("L4T 35.4.1"));
    /// ```
    #[must_use]
    pub fn machine(&self, onnxruntime: Option<&Path>) -> Machine {
        let gpu = self.gpu.as_ref();
        let capability = gpu.and_then(|gpu| gpu.compute_capability);
        Machine {
            onnxruntime: onnxruntime.and_then(library_version),
            tensorrt: self.tensorrt.clone(),
            cuda: self.cuda.clone(),
            cudnn: self.cudnn.clone(),
            // Up to JetPack 5 the driver is a part of Jetson Linux, without a version of its own.
            driver: self.driver.clone().or_else(|| Some(format!("L4T {}", self.l4t?))),
            gpu: gpu.map(|gpu| gpu.name.clone()).or_else(|| self.model.clone()),
            compute_capability: capability.map(str::to_owned),
        }
    }
}
