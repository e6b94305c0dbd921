//! Drawn objects on a table: test images that are neither patterns nor photographs.

use image::{Rgb, RgbImage, imageops};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Drawn larger and reduced, so that edges are smooth.
const SCALE: u32 = 2;

/// The objects.
pub(crate) const NAMES: [&str; 4] = ["blue mug", "house key", "red apple", "traffic cone"];

type Point = (f32, f32);
type Shape = Box<dyn Fn(Point) -> bool>;

/// An image of an object; each `view` has another position, size and light.
pub(crate) fn draw(name: &str, view: u32) -> RgbImage {
    let wave = |n: u32| (view as f32 * 2.4 + n as f32 * 1.7).sin();
    let (left, up, size, light) =
        (0.07 * wave(0), 0.03 * wave(1), 1.0 + 0.14 * wave(2), 0.1 * wave(3));
    let strokes = strokes(name);
    let image = RgbImage::from_fn(WIDTH * SCALE, HEIGHT * SCALE, |x, y| {
        let (x, y) = (x as f32 / (WIDTH * SCALE) as f32, y as f32 / (HEIGHT * SCALE) as f32);
        let at = ((x - 0.5 - left) / size + 0.5, (y - 0.55 - up) / size + 0.55);
        let top = strokes.iter().rev().find(|(shape, _)| shape(at));
        let color = top.map_or_else(|| room(y), |(_, color)| *color);
        // Light falls from the left.
        Rgb(color
            .map(|c| (f32::from(c) * (0.98 + light + 0.16 * (0.5 - x))).clamp(0.0, 255.0) as u8))
    });
    imageops::resize(&image, WIDTH, HEIGHT, imageops::FilterType::Triangle)
}

fn room(y: f32) -> [u8; 3] {
    if y < 0.66 { [208, 201, 190] } else { [165, 129, 93] }
}

/// From the back to the front.
fn strokes(name: &str) -> Vec<(Shape, [u8; 3])> {
    let shadow = (ellipse((0.5, 0.8), (0.26, 0.05)), [130, 98, 68]);
    let mut strokes = vec![shadow];
    strokes.extend(match name {
        "blue mug" => mug(),
        "house key" => key(),
        "red apple" => apple(),
        _ => cone(),
    });
    strokes
}

fn mug() -> Vec<(Shape, [u8; 3])> {
    vec![
        (ellipse((0.69, 0.53), (0.12, 0.15)), [52, 98, 146]),
        (ellipse((0.69, 0.53), (0.075, 0.1)), [208, 201, 190]),
        (trapezoid(0.3, 0.78, 0.185, 0.16), [70, 124, 180]),
        (ellipse((0.5, 0.78), (0.16, 0.035)), [70, 124, 180]),
        (ellipse((0.5, 0.3), (0.185, 0.05)), [44, 82, 122]),
        (ellipse((0.5, 0.305), (0.165, 0.038)), [60, 38, 26]),
    ]
}

fn key() -> Vec<(Shape, [u8; 3])> {
    let brass = [206, 170, 78];
    vec![
        (rectangle((0.36, 0.6), (0.82, 0.65)), brass),
        (rectangle((0.66, 0.63), (0.7, 0.74)), brass),
        (rectangle((0.74, 0.63), (0.8, 0.71)), brass),
        (ellipse((0.29, 0.62), (0.12, 0.16)), brass),
        (ellipse((0.25, 0.62), (0.045, 0.06)), [165, 129, 93]),
    ]
}

fn apple() -> Vec<(Shape, [u8; 3])> {
    vec![
        (rectangle((0.49, 0.27), (0.51, 0.42)), [92, 62, 38]),
        (ellipse((0.57, 0.32), (0.07, 0.035)), [88, 142, 66]),
        (ellipse((0.43, 0.58), (0.15, 0.22)), [188, 42, 40]),
        (ellipse((0.57, 0.58), (0.15, 0.22)), [188, 42, 40]),
        (ellipse((0.4, 0.48), (0.03, 0.05)), [226, 128, 118]),
    ]
}

fn cone() -> Vec<(Shape, [u8; 3])> {
    vec![
        (rectangle((0.27, 0.76), (0.73, 0.82)), [206, 92, 34]),
        (trapezoid(0.22, 0.77, 0.02, 0.16), [230, 110, 44]),
        (trapezoid(0.37, 0.48, 0.058, 0.086), [240, 238, 232]),
        (trapezoid(0.58, 0.68, 0.112, 0.138), [240, 238, 232]),
    ]
}

fn ellipse(center: Point, radius: Point) -> Shape {
    Box::new(move |(x, y)| {
        ((x - center.0) / radius.0).powi(2) + ((y - center.1) / radius.1).powi(2) <= 1.0
    })
}

fn rectangle(from: Point, to: Point) -> Shape {
    Box::new(move |(x, y)| (from.0..=to.0).contains(&x) && (from.1..=to.1).contains(&y))
}

/// Around the middle, from half the width `top_half` at `top` to `bottom_half` at `bottom`.
fn trapezoid(top: f32, bottom: f32, top_half: f32, bottom_half: f32) -> Shape {
    Box::new(move |(x, y)| {
        let part = (y - top) / (bottom - top);
        (0.0..=1.0).contains(&part) && (x - 0.5).abs() <= top_half + part * (bottom_half - top_half)
    })
}
