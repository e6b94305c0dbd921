//! Writes the SVG elements of a chart.
//!
//! # Examples
//! ```
//! use few_shot::evaluation::svg::{COLORS, Svg};
//!
//! let mut drawing = Svg::new(200.0, 100.0);
//! drawing.line([0.0, 0.0], [200.0, 100.0], COLORS[0], 1.0);
//! drawing.text([100.0, 50.0], "middle", "black", "a < b");
//! assert!(drawing.finish().contains("a &lt; b"));
//! ```

use std::fmt::Write;

/// Colors that color-blind readers can distinguish (Okabe and Ito 2008), and gray.
pub const COLORS: [&str; 8] =
    ["#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#999999"];

/// A drawing of this size on white.
pub struct Svg(String);

impl Svg {
    /// An empty one.
    pub fn new(width: f64, height: f64) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ))
    }

    /// Text whose `anchor` (`start`, `middle` or `end`) lies at `[x, y]`.
    pub fn text(&mut self, [x, y]: [f64; 2], anchor: &str, color: &str, text: &str) {
        // A label comes from the command line, so it may hold markup.
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\">{text}</text>"
        );
    }

    /// A straight line of this width.
    pub fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], color: &str, width: f64) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{color}\" stroke-width=\"{width}\"/>"
        );
    }

    /// A line through points.
    pub fn curve(&mut self, points: impl Iterator<Item = [f64; 2]>, color: &str) {
        let points: Vec<String> = points.map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            self.0,
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{}\"/>",
            points.join(" ")
        );
    }

    /// A dot.
    pub fn dot(&mut self, [x, y]: [f64; 2], color: &str) {
        let _ =
            writeln!(self.0, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{color}\"/>");
    }

    /// The file's text.
    pub fn finish(self) -> String {
        self.0 + "</svg>\n"
    }
}
