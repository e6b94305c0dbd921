//! What an image and a scan of it consist of: components, blocks, MCUs (ITU-T T.81, annex A).

use image::metadata::Orientation;

use crate::image::crop::{Crop, CropError, Size};

/// Samples a side of a coded block.
const BLOCK: usize = 8;

/// An image.
#[derive(Clone)]
pub(super) struct Frame {
    /// Whether its coefficients come in several scans.
    pub(super) is_progressive: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
}

/// A channel of an image.
#[derive(Clone)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks a row in an MCU of all components.
    pub(super) h: usize,
    /// Rows of blocks in such an MCU.
    pub(super) v: usize,
    /// Number of its quantization table.
    pub(super) quantization: usize,
}

/// A pass over some components and some of their coefficients.
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// The first coefficient, in zigzag order.
    pub(super) first: usize,
    /// The last coefficient.
    pub(super) last: usize,
    /// Lowest bits that were missing before; 0 in the first scan of these coefficients.
    pub(super) refined: u32,
    /// Lowest bits that are still missing behind it.
    pub(super) shift: u32,
}

/// A component of a scan.
pub(super) struct ScanComponent {
    /// Place in the frame.
    pub(super) index: usize,
    /// Number of its Huffman table for means.
    pub(super) dc: usize,
    /// Number of its Huffman table for other coefficients.
    pub(super) ac: usize,
}

impl Frame {
    pub(super) fn max_h(&self) -> usize {
        self.components.iter().map(|component| component.h).max().unwrap_or(1)
    }

    pub(super) fn max_v(&self) -> usize {
        self.components.iter().map(|component| component.v).max().unwrap_or(1)
    }

    /// Width and height of the image once it is turned upright.
    pub(super) fn upright(&self, orientation: Orientation) -> Size {
        match orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => (self.height, self.width),
            Orientation::NoTransforms
            | Orientation::Rotate180
            | Orientation::FlipHorizontal
            | Orientation::FlipVertical => (self.width, self.height),
        }
    }

    /// The shorter side of the part of the upright image that is used.
    pub(super) fn shorter_side(
        &self,
        orientation: Orientation,
        crop: Option<Crop>,
    ) -> Result<usize, CropError> {
        let whole = self.upright(orientation);
        let part = match crop {
            Some(crop) => crop.within(whole)?,
            None => None,
        };
        let (width, height) = part.map_or(whole, |part| part.size());
        Ok(width.min(height))
    }

    /// Columns and rows of MCUs of all components.
    pub(super) fn mcus(&self) -> (usize, usize) {
        let columns = self.width.div_ceil(BLOCK * self.max_h());
        (columns, self.height.div_ceil(BLOCK * self.max_v()))
    }

    /// Columns and rows of a component's samples, with blocks of `side` samples.
    pub(super) fn samples(&self, component: &Component, side: usize) -> (usize, usize) {
        let width = self.width * component.h * side;
        let height = self.height * component.v * side;
        (width.div_ceil(BLOCK * self.max_h()), height.div_ceil(BLOCK * self.max_v()))
    }

    /// Columns and rows of a component's blocks, those that only fill an MCU included.
    pub(super) fn blocks(&self, component: &Component) -> (usize, usize) {
        let (columns, rows) = self.mcus();
        (columns * component.h, rows * component.v)
    }

    /// Samples of all components, with those that only fill an MCU.
    pub(super) fn n_samples(&self) -> usize {
        let blocks = |component: &Component| {
            let (columns, rows) = self.blocks(component);
            columns * rows * BLOCK * BLOCK
        };
        self.components.iter().map(blocks).sum()
    }

    /// Blocks of all components, without those that only fill an MCU.
    pub(super) fn n_blocks(&self) -> usize {
        let blocks = |component: &Component| {
            let (width, height) = self.samples(component, BLOCK);
            width.div_ceil(BLOCK) * height.div_ceil(BLOCK)
        };
        self.components.iter().map(blocks).sum()
    }

    /// Columns and rows of the MCUs of a scan.
    // The only component of a scan has one block an MCU and none that only fill one.
    pub(super) fn scan_mcus(&self, scan: &Scan) -> (usize, usize) {
        match &scan.components[..] {
            [only] => {
                let (width, height) = self.samples(&self.components[only.index], BLOCK);
                (width.div_ceil(BLOCK), height.div_ceil(BLOCK))
            }
            _ => self.mcus(),
        }
    }
}

impl Scan {
    /// Whether such a scan may be (annex G.1.1.1).
    pub(super) fn is_possible(&self, frame: &Frame) -> bool {
        if !frame.is_progressive {
            // Other values mean nothing there, and some encoders write them.
            return true;
        }
        let is_band = self.first <= self.last && self.last < 64;
        let is_kind = if self.first == 0 { self.last == 0 } else { self.components.len() == 1 };
        let is_step = self.refined == 0 || self.refined == self.shift + 1;
        is_band && is_kind && is_step && self.shift < 14
    }

    /// Blocks of a component in an MCU: columns and rows.
    pub(super) fn mcu_blocks(&self, component: &Component) -> (usize, usize) {
        if self.components.len() == 1 { (1, 1) } else { (component.h, component.v) }
    }
}
