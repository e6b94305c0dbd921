//! From coefficients to samples, and from the samples of all components to pixels.

use std::f32::consts::PI;

use super::frame::{Component, Frame};

/// The samples of a component, with those that only fill an MCU.
pub(super) struct Plane {
    /// Samples a row in `samples`.
    stride: usize,
    samples: Vec<u8>,
    /// Columns that belong to the image.
    width: usize,
    /// Rows that belong to the image.
    height: usize,
    /// How the component is enlarged to the image: its factors and the greatest ones.
    h: (usize, usize),
    v: (usize, usize),
}

impl Plane {
    /// Without samples, for blocks of `side`.
    pub(super) fn new(frame: &Frame, component: &Component, side: usize) -> Self {
        let (columns, rows) = frame.blocks(component);
        let (width, height) = frame.samples(component, side);
        // Zeros, which the system gives without writing them. Every sample that is shown gets
        // written.
        let samples = vec![0; columns * side * rows * side];
        let h = (component.h, frame.max_h());
        let v = (component.v, frame.max_v());
        Self { stride: columns * side, samples, width, height, h, v }
    }

    /// Stores the block in column `x` and row `y`.
    pub(super) fn put(&mut self, x: usize, y: usize, dct: &InverseDct, block: &[f32; 64]) {
        let start = y * dct.side * self.stride + x * dct.side;
        dct.apply(block, &mut self.samples[start..], self.stride);
    }

    fn row(&self, y: usize) -> &[u8] {
        let start = y.min(self.height - 1) * self.stride;
        &self.samples[start..start + self.width]
    }

    /// Row `y` of the image, one sample a pixel.
    // Doubled sides are interpolated and others repeated, as libjpeg does by default.
    fn enlarge(&self, y: usize, sums: &mut Vec<u16>, row: &mut [u8]) {
        let is_double = |(own, greatest): (usize, usize)| 2 * own == greatest;
        let is_whole = |(own, greatest): (usize, usize)| own == greatest;
        match (is_double(self.h), is_double(self.v)) {
            _ if is_whole(self.h) && is_whole(self.v) => row.copy_from_slice(self.row(y)),
            (true, true) => {
                self.mix_rows(y, sums);
                double(sums, row);
            }
            (true, false) if is_whole(self.v) => {
                sums.clear();
                sums.extend(self.row(y).iter().map(|&sample| 4 * u16::from(sample)));
                double(sums, row);
            }
            (false, true) if is_whole(self.h) => {
                self.mix_rows(y, sums);
                for (sample, &sum) in row.iter_mut().zip(&*sums) {
                    *sample = ((sum + 2) >> 2) as u8;
                }
            }
            _ => {
                let source = self.row(y * self.v.0 / self.v.1);
                for (x, sample) in row.iter_mut().enumerate() {
                    *sample = source[(x * self.h.0 / self.h.1).min(self.width - 1)];
                }
            }
        }
    }

    /// Three parts of the nearest row and one of the second nearest.
    fn mix_rows(&self, y: usize, sums: &mut Vec<u16>) {
        let near = y / 2;
        let second = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
        let pairs = self.row(near).iter().zip(self.row(second));
        sums.clear();
        sums.extend(pairs.map(|(&near, &second)| 3 * u16::from(near) + u16::from(second)));
    }
}

/// Twice as many samples, from four times their values.
fn double(sums: &[u16], row: &mut [u8]) {
    let last = sums.len() - 1;
    for (x, pair) in row.chunks_mut(2).enumerate() {
        let near = 3 * sums[x];
        pair[0] = ((near + sums[x.saturating_sub(1)] + 8) >> 4) as u8;
        if let Some(second) = pair.get_mut(1) {
            *second = ((near + sums[(x + 1).min(last)] + 7) >> 4) as u8;
        }
    }
}

/// Turns the coefficients of a block into samples, `side` a row.
pub(super) struct InverseDct {
    pub(super) side: usize,
    /// By sample and frequency.
    basis: [[f32; 8]; 8],
    /// By frequency and sample.
    transposed: [[f32; 8]; 8],
}

impl InverseDct {
    /// A `side` of 8 gives every sample; 4, 2 and 1 give the image that many eighths as large.
    pub(super) fn new(side: usize) -> Self {
        let mut dct = Self { side, basis: [[0.0; 8]; 8], transposed: [[0.0; 8]; 8] };
        for sample in 0..side {
            for frequency in 0..side {
                let angle = (2 * sample + 1) as f32 * frequency as f32 * PI / (2 * side) as f32;
                let scale = if frequency == 0 { 0.125_f32.sqrt() } else { 0.5 };
                dct.basis[sample][frequency] = scale * angle.cos();
                dct.transposed[frequency][sample] = scale * angle.cos();
            }
        }
        dct
    }

    /// The last coefficient of a block that it uses, in zigzag order.
    pub(super) fn last_coefficient(&self) -> usize {
        match self.side {
            1 => 0,
            2 => 4,
            4 => 24,
            _ => 63,
        }
    }

    fn apply(&self, block: &[f32; 64], samples: &mut [u8], stride: usize) {
        let (rows, _) = block.as_chunks::<8>();
        // Most blocks have only low frequencies.
        let used = rows.iter().rposition(|row| *row != [0.0; 8]).map_or(0, |last| last + 1);
        for (y, basis) in self.basis[..self.side].iter().enumerate() {
            let by_frequency = weighted_sum(&basis[..used.min(self.side)], rows);
            let values = weighted_sum(&by_frequency[..self.side], &self.transposed);
            let target = &mut samples[y * stride..y * stride + self.side];
            for (sample, value) in target.iter_mut().zip(values) {
                // The cast saturates.
                *sample = (value + 128.5) as u8;
            }
        }
    }
}

fn weighted_sum(weights: &[f32], rows: &[[f32; 8]]) -> [f32; 8] {
    let mut sum = [0.0; 8];
    for (weight, row) in weights.iter().zip(rows) {
        for (value, x) in sum.iter_mut().zip(row) {
            *value += weight * x;
        }
    }
    sum
}

/// What the components are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    Gray,
    YCbCr,
    Rgb,
    /// Inverted ink, as Adobe writes it: 255 is none.
    Cmyk,
    /// Ink as it is: 0 is none.
    PlainCmyk,
    /// YCbCr of cyan, magenta and yellow, and black.
    Ycck,
}

/// `height` rows of `width` RGB pixels.
pub(super) fn to_rgb(planes: &[Plane], width: usize, height: usize, color: Color) -> Vec<u8> {
    let mut rgb = vec![0; 3 * width * height];
    let mut rows = vec![vec![0; width]; planes.len()];
    let mut sums = Vec::new();
    for (y, pixels) in rgb.chunks_exact_mut(3 * width).enumerate() {
        for (plane, row) in planes.iter().zip(&mut rows) {
            plane.enlarge(y, &mut sums, row);
        }
        let (pixels, _) = pixels.as_chunks_mut::<3>();
        convert(color, &rows, pixels);
    }
    rgb
}

fn convert(color: Color, rows: &[Vec<u8>], pixels: &mut [[u8; 3]]) {
    match (color, rows) {
        (Color::YCbCr, [y, cb, cr]) => {
            for (((pixel, &y), &cb), &cr) in pixels.iter_mut().zip(y).zip(cb).zip(cr) {
                *pixel = ycbcr(y, cb, cr);
            }
        }
        (Color::Rgb, [red, green, blue]) => {
            for (((pixel, &red), &green), &blue) in pixels.iter_mut().zip(red).zip(green).zip(blue)
            {
                *pixel = [red, green, blue];
            }
        }
        (Color::PlainCmyk, [a, b, c, black]) => {
            for (x, pixel) in pixels.iter_mut().enumerate() {
                *pixel = [a[x], b[x], c[x]].map(|ink| multiply(255 - ink, 255 - black[x]));
            }
        }
        (Color::Cmyk | Color::Ycck, [a, b, c, black]) => {
            for (x, pixel) in pixels.iter_mut().enumerate() {
                let ink = match color {
                    Color::Ycck => ycbcr(a[x], b[x], c[x]).map(|value| 255 - value),
                    _ => [a[x], b[x], c[x]],
                };
                *pixel = ink.map(|value| multiply(value, black[x]));
            }
        }
        _ => {
            for (pixel, &gray) in pixels.iter_mut().zip(&rows[0]) {
                *pixel = [gray; 3];
            }
        }
    }
}

fn multiply(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// ITU-R BT.601 with the full range of values, as JFIF has it.
fn ycbcr(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    // 16 bits behind the point.
    let y = (i32::from(y) << 16) + (1 << 15);
    let cb = i32::from(cb) - 128;
    let cr = i32::from(cr) - 128;
    [y + 91_881 * cr, y - 22_554 * cb - 46_802 * cr, y + 116_130 * cb]
        .map(|value| (value >> 16).clamp(0, 255) as u8)
}
