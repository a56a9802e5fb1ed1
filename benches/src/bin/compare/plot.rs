//! Pictures of a comparison, as SVG with a ground and ink of their own.

use anyhow::Result;
use plotters::prelude::*;
use portcullis_benches::figures::time;

use super::server::Product;

/// One row of a picture: a name, and a figure of each server that has one.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) figures: Vec<(Product, f64)>,
}

/// Dots on a logarithmic axis, a row for each scenario.
///
/// # Errors
/// When the drawing library refuses: that would be a mistake here.
pub(crate) fn dots(rows: &[Row], axis: &str) -> Result<String> {
    let figures = || rows.iter().flat_map(|row| row.figures.iter().map(|(_, figure)| *figure));
    let least = figures().fold(f64::INFINITY, f64::min).max(0.1);
    let most = figures().fold(1.0, f64::max);
    let left = 10f64.powf(least.log10().floor());
    let right = 10f64.powf(most.log10().ceil());
    let size = (760, 130 + rows.len() as u32 * ROW_PIXELS);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let (top, bottom) = area.split_vertically(size.1 - LEGEND_PIXELS);
        let count = rows.len() as f64;
        let mut chart = ChartBuilder::on(&top)
            .margin(12)
            // Half of the last label lies beyond the axis.
            .margin_right(28)
            .x_label_area_size(44)
            .y_label_area_size(210)
            .build_cartesian_2d((left..right).log_scale(), -0.5..count - 0.5)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .axis_style(INK.mix(0.6))
            .bold_line_style(INK.mix(0.15))
            .light_line_style(INK.mix(0.05))
            .label_style(text(13))
            .axis_desc_style(text(14))
            .x_desc(axis)
            .x_label_formatter(&|figure| time(*figure))
            .draw()?;
        for (number, row) in rows.iter().enumerate() {
            let y = count - 1.0 - number as f64;
            chart.draw_series([PathElement::new([(left, y), (right, y)], INK.mix(0.12))])?;
            chart.draw_series(
                row.figures
                    .iter()
                    .map(|(product, figure)| Circle::new((*figure, y), 5, colour(*product).filled())),
            )?;
            let (_, y) = chart.backend_coord(&(left, y));
            top.draw(&Text::new(row.name.clone(), (12, y - 4), text(13)))?;
        }
        legend(&bottom)?;
        area.present()?;
    }
    let fixed = format!("width=\"{}\" height=\"{}\" viewBox", size.0, size.1);
    Ok(svg.replace(&fixed, "role=\"img\" style=\"background:#fff\" viewBox"))
}

fn legend(area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<()> {
    for (number, product) in Product::ALL.into_iter().enumerate() {
        let (x, y) = (30 + (number as i32 % 3) * 240, 8 + (number as i32 / 3) * 22);
        area.draw(&Circle::new((x, y), 5, colour(product).filled()))?;
        area.draw(&Text::new(product.title(), (x + 12, y - 4), text(13)))?;
    }
    Ok(())
}

/// How high a row is, and the legend (pixels).
const ROW_PIXELS: u32 = 34;
const LEGEND_PIXELS: u32 = 70;

const INK: RGBColor = RGBColor(0x1d, 0x23, 0x2b);

/// Ours are of one kind of colour, those with the Core Rule Set strong, those that inspect nothing pale.
fn colour(product: Product) -> RGBColor {
    match product {
        Product::PortcullisCrs => RGBColor(0x1f, 0x6f, 0xb5),
        Product::PortcullisBuiltin => RGBColor(0x2e, 0x9e, 0x6b),
        Product::PortcullisOff => RGBColor(0x7f, 0xc4, 0xe8),
        Product::NginxModSecurity => RGBColor(0xd9, 0x4a, 0x38),
        Product::Nginx => RGBColor(0xf0, 0xa8, 0x9c),
        Product::Pingora => RGBColor(0xa0, 0xa6, 0xad),
        Product::Coraza => RGBColor(0x96, 0x62, 0xc9),
    }
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}
