//! Pictures of an evaluation, as SVG. Text stays text, and takes the colour of what is around it, so that
//! the same picture can be read on light and on dark ground.

mod bars;
mod curve;
mod histogram;
mod reliability;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Figures;

/// A picture with its name and caption.
#[derive(Clone, Debug)]
pub struct Picture {
    /// A name for the file, without extension.
    pub name: &'static str,
    /// What it shows and how to read it.
    pub caption: &'static str,
    /// The picture.
    pub svg: String,
}

impl Picture {
    /// The picture as a file of its own, with a ground and ink that fit each other.
    #[must_use]
    pub fn file(&self) -> String {
        self.svg.replacen("viewBox", "style=\"background:#fff;color:#1d232b\" viewBox", 1)
    }
}

/// Draws all that there is something to draw of.
///
/// # Errors
/// When the drawing library refuses: that would be a mistake here, not in the figures.
pub fn pictures(figures: &Figures) -> anyhow::Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    if figures.curves.iter().any(|curve| !curve.points.is_empty()) {
        pictures.push(curve::characteristic(figures)?);
        pictures.push(curve::precision(figures)?);
    }
    pictures.push(histogram::picture(&figures.histogram)?);
    if !figures.reliability.is_empty() {
        pictures.push(reliability::picture(&figures.reliability)?);
    }
    for hostile in [true, false] {
        if figures.by_source.rows.iter().any(|row| row.hostile == hostile) {
            pictures.push(bars::picture(&figures.by_source, hostile)?);
        }
    }
    Ok(pictures)
}

/// Text and lines: replaced by the colour of the text around the picture.
const INK: RGBColor = RGBColor(1, 2, 3);
/// Readable on white and on black.
const RED: RGBColor = RGBColor(0xd9, 0x4a, 0x38);
const BLUE: RGBColor = RGBColor(0x3b, 0x82, 0xc4);
const GREEN: RGBColor = RGBColor(0x2e, 0x9e, 0x6b);
const VIOLET: RGBColor = RGBColor(0x96, 0x62, 0xc9);

/// Where a picture is drawn.
type Area<'s> = DrawingArea<SVGBackend<'s>, Shift>;

/// Makes a picture of this size (pixels).
fn draw(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    // A picture as wide as there is room, and ink as everything around it.
    let fixed = format!("width=\"{}\" height=\"{}\" viewBox", size.0, size.1);
    Ok(svg.replace(&fixed, "role=\"img\" viewBox").replace("#010203", "currentColor"))
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// `0.01 %`, without zeros that say nothing.
fn percent(share: f64) -> String {
    let text = format!("{:.5}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn writes_percent() {
        for (share, expected) in [(0.0001, "0.01 %"), (1.0, "100 %"), (0.995, "99.5 %"), (1e-5, "0.001 %")] {
            assert_eq!(super::percent(share), expected);
        }
    }
}
