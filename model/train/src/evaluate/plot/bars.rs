//! What is stopped, by collection.

use plotters::prelude::*;

use super::super::{Decider, Row, Table};
use super::{BLUE, GREEN, INK, Picture, VIOLET, draw, percent, text};

/// Deciders that are drawn (indices into [`Decider::SHOWN`]), with how.
const DRAWN: [(usize, RGBColor); 3] = [(0, VIOLET), (3, BLUE), (Decider::DEFAULT, GREEN)];
/// How high a row is (pixels).
const ROW_PIXELS: u32 = 34;
/// How far the three dots of a row are apart (rows).
const APART: f64 = 0.22;

pub(super) fn picture(table: &Table, hostile: bool) -> anyhow::Result<Picture> {
    let rows: Vec<&Row> = table.rows.iter().filter(|row| row.hostile == hostile).collect();
    let most = rows.iter().flat_map(|row| DRAWN.map(|(index, _)| row.rates[index].interval.1));
    // Few false positives should not be drawn as if they were none.
    let right = if hostile { 1.0 } else { most.fold(0.01, f64::max).min(1.0) };
    let svg = draw((720, 130 + rows.len() as u32 * ROW_PIXELS), |area| bars(area, &rows, right))?;
    Ok(if hostile {
        Picture {
            name: "attacks-by-source",
            caption: "Attacks stopped, by collection, with 95 % intervals.",
            svg,
        }
    } else {
        Picture {
            name: "ordinary-by-source",
            caption: "Ordinary requests stopped, by collection, with 95 % intervals.",
            svg,
        }
    })
}

fn bars(area: &super::Area<'_>, rows: &[&Row], right: f64) -> anyhow::Result<()> {
    let count = rows.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        // Half of the last label lies beyond the axis.
        .margin_right(28)
        .x_label_area_size(32)
        .y_label_area_size(170)
        .build_cartesian_2d(0.0..right, -2.6..count - 0.5)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .axis_style(INK.mix(0.6))
        .bold_line_style(INK.mix(0.15))
        .light_line_style(TRANSPARENT)
        .label_style(text(13))
        .x_label_formatter(&|share| percent(*share))
        .draw()?;
    for (nth, (index, colour)) in DRAWN.into_iter().enumerate() {
        let at = |row: usize| count - 1.0 - row as f64 + (1.0 - nth as f64) * APART;
        let rates = || rows.iter().enumerate().map(|(row, it)| (at(row), it.rates[index]));
        chart.draw_series(rates().map(|(y, rate)| {
            PathElement::new([(rate.interval.0, y), (rate.interval.1, y)], colour.mix(0.6).stroke_width(2))
        }))?;
        chart
            .draw_series(rates().map(|(y, rate)| Circle::new((rate.share, y), 4, colour.filled())))?
            .label(Decider::SHOWN[index].name())
            .legend(move |(x, y)| Circle::new((x + 9, y), 4, colour.filled()));
    }
    for (row, it) in rows.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(0.0, count - 1.0 - row as f64));
        area.draw(&Text::new(it.name.clone(), (12, y - 7), text(13)))?;
        area.draw(&PathElement::new([(x - 4, y), (x, y)], INK.mix(0.6)))?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::LowerLeft).label_font(text(13)).draw()?;
    Ok(())
}
