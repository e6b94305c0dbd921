//! Draws junk images.

use std::f32::consts::TAU;

use models::image::Image;
use models::random::below;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Width and height.
const SIDE: usize = 256;

/// The standard deviation of normal noise, of 255.
const DEVIATION: f32 = 64.0;

/// The side of the cell of a letter.
const CELL: usize = 16;

/// Letters are drawn between the points of a grid of this many by this many in a cell.
const GRID: usize = 4;

/// Three channels, 0 to 255.
type Color = [f32; 3];

/// Draws one image after the other, each another one.
pub(super) struct Drawing {
    generator: ChaCha8Rng,
}

impl Drawing {
    pub(super) fn new(seed: u64) -> Self {
        Self { generator: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub(super) fn plain_color(&mut self) -> Image {
        let color = self.color();
        plain(color)
    }

    pub(super) fn uniform_noise(&mut self) -> Image {
        painted(|_, _| self.color())
    }

    pub(super) fn gaussian_noise(&mut self) -> Image {
        painted(|_, _| self.normal_color())
    }

    /// 0 to 1.
    fn uniform(&mut self) -> f32 {
        (self.generator.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    fn color(&mut self) -> Color {
        [(); 3].map(|()| 255.0 * self.uniform())
    }

    fn normal_color(&mut self) -> Color {
        // Box and Muller 1958; the logarithm needs a value above 0.
        [(); 3].map(|()| {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            128.0 + DEVIATION * radius * (TAU * self.uniform()).cos()
        })
    }

    pub(super) fn gradient(&mut self) -> Image {
        let ends = [self.color(), self.color()];
        let (sin, cos) = (TAU * self.uniform()).sin_cos();
        painted(|x, y| {
            let [x, y] = [x, y].map(|place| place as f32 / SIDE as f32 - 0.5);
            // At most half of a diagonal from the middle: the share is within 0 to 1.
            mixed(ends[0], ends[1], 0.5 + (x * cos + y * sin) * std::f32::consts::FRAC_1_SQRT_2)
        })
    }

    pub(super) fn blurred_noise(&mut self) -> Image {
        let cell = 8 << below(&mut self.generator, 4);
        let points = SIDE / cell + 1;
        let grid: Vec<Color> = (0..points * points).map(|_| self.color()).collect();
        painted(|x, y| {
            let corner = y / cell * points + x / cell;
            let [right, down] = [x, y].map(|place| (place % cell) as f32 / cell as f32);
            let above = mixed(grid[corner], grid[corner + 1], right);
            let below = mixed(grid[corner + points], grid[corner + points + 1], right);
            mixed(above, below, down)
        })
    }

    /// Dark letters of no alphabet on light paper.
    pub(super) fn strokes(&mut self) -> Image {
        let ink = self.color().map(|value| value * 0.4);
        let paper = self.color().map(|value| 255.0 - value * 0.3);
        let mut is_ink = vec![false; SIDE * SIDE];
        let letters = SIDE / CELL;
        // Every second line is left empty, and some letters of the others.
        for cell in (0..letters * letters).filter(|cell| (cell / letters).is_multiple_of(2)) {
            if self.uniform() < 0.8 {
                self.letter([cell % letters * CELL, cell / letters * CELL], &mut is_ink);
            }
        }
        painted(|x, y| if is_ink[y * SIDE + x] { ink } else { paper })
    }

    /// A letter whose cell begins at `corner`: a few straight strokes, one after the other.
    fn letter(&mut self, corner: [usize; 2], is_ink: &mut [bool]) {
        let mut from = self.grid_point(corner);
        for _ in 0..3 + below(&mut self.generator, 3) {
            let to = self.grid_point(corner);
            stroke(from, to, is_ink);
            from = to;
        }
    }

    fn grid_point(&mut self, corner: [usize; 2]) -> [f32; 2] {
        // A margin of one eighth of the cell on each side.
        corner.map(|start| {
            let step = below(&mut self.generator, GRID) as f32 / (GRID - 1) as f32;
            start as f32 + CELL as f32 * (0.125 + 0.75 * step)
        })
    }
}

/// One color, 0 to 255 in each channel.
pub(super) fn plain(color: Color) -> Image {
    painted(|_, _| color)
}

/// An image of these colors.
fn painted(mut color: impl FnMut(usize, usize) -> Color) -> Image {
    let mut rgb = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            // The conversion cuts off what is below 0 or above 255.
            rgb.extend(color(x, y).map(|value| value.round() as u8));
        }
    }
    Image { width: SIDE, height: SIDE, rgb, warnings: Vec::new() }
}

fn mixed(a: Color, b: Color, share: f32) -> Color {
    [0, 1, 2].map(|channel| a[channel] + share * (b[channel] - a[channel]))
}

/// Marks a line of two by two pixels.
fn stroke(from: [f32; 2], to: [f32; 2], is_ink: &mut [bool]) {
    let steps = 2 * CELL;
    for step in 0..=steps {
        let share = step as f32 / steps as f32;
        let [x, y] = [0, 1].map(|axis| (from[axis] + share * (to[axis] - from[axis])) as usize);
        for place in [y * SIDE + x, y * SIDE + x + 1, (y + 1) * SIDE + x, (y + 1) * SIDE + x + 1] {
            is_ink[place] = true;
        }
    }
}
