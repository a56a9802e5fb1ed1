//! How scores lie, by class.

use plotters::prelude::*;

use super::super::Bin;
use super::super::histogram::WIDTH;
use super::{BLUE, INK, Picture, RED, draw, text};

pub(super) fn picture(bins: &[Bin]) -> anyhow::Result<Picture> {
    Ok(Picture {
        name: "scores",
        caption: "Scores by class, on a logarithmic axis. Right of zero the model is sure enough to stop a request \
                  alone.",
        svg: draw((720, 400), |area| {
            let most = bins.iter().map(|bin| bin.hostile.max(bin.ordinary)).max().unwrap_or(1).max(10) as f64;
            let (from, to) = (bins[0].from, bins[bins.len() - 1].from + WIDTH);
            let mut chart = ChartBuilder::on(area)
                .margin(12)
                .x_label_area_size(48)
                .y_label_area_size(72)
                .build_cartesian_2d(from..to, (0.5..most * 1.5).log_scale())?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .axis_style(INK.mix(0.6))
                .bold_line_style(INK.mix(0.15))
                .light_line_style(TRANSPARENT)
                .label_style(text(13))
                .axis_desc_style(text(14))
                .x_desc("log-odds above the critical threshold")
                .y_desc("requests")
                .y_label_formatter(&|count| format!("{count:.0}"))
                .draw()?;
            for (name, colour, count) in [
                ("ordinary requests", BLUE, (|bin| bin.ordinary) as fn(&Bin) -> usize),
                ("attacks", RED, |bin| bin.hostile),
            ] {
                let bars = bins.iter().filter(|bin| count(bin) > 0).map(|bin| {
                    let corners = [(bin.from, 0.5), (bin.from + WIDTH, count(bin) as f64)];
                    Rectangle::new(corners, colour.mix(0.55).filled())
                });
                chart.draw_series(bars)?.label(name).legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 18, y + 5)], colour.mix(0.55).filled())
                });
            }
            chart.draw_series([PathElement::new([(0.0, 0.5), (0.0, most * 1.5)], INK.mix(0.6))])?;
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .label_font(text(13))
                .draw()?;
            Ok(())
        })?,
    })
}
