//! Whether probabilities mean what they say.

use plotters::prelude::*;

use super::super::Reliability;
use super::{INK, Picture, RED, draw, percent, text};

pub(super) fn picture(bins: &[Reliability]) -> anyhow::Result<Picture> {
    Ok(Picture {
        name: "reliability",
        caption: "Reliability: of requests that the model gives a probability, the share that is an attack, with \
                  95 % intervals, when both classes count the same. On the diagonal it means what it says.",
        svg: draw((720, 400), |area| {
            let mut chart = ChartBuilder::on(area)
                .margin(12)
                // Half of the last label lies beyond the axis.
                .margin_right(28)
                .x_label_area_size(48)
                .y_label_area_size(72)
                .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
            chart
                .configure_mesh()
                .axis_style(INK.mix(0.6))
                .bold_line_style(INK.mix(0.15))
                .light_line_style(TRANSPARENT)
                .label_style(text(13))
                .axis_desc_style(text(14))
                .x_desc("probability the model gives")
                .y_desc("share of attacks")
                .x_label_formatter(&|share| percent(*share))
                .y_label_formatter(&|share| percent(*share))
                .draw()?;
            chart.draw_series([PathElement::new([(0.0, 0.0), (1.0, 1.0)], INK.mix(0.4))])?;
            chart.draw_series(bins.iter().map(|bin| {
                PathElement::new([(bin.said, bin.interval.0), (bin.said, bin.interval.1)], RED.mix(0.6))
            }))?;
            chart.draw_series(LineSeries::new(
                bins.iter().map(|bin| (bin.said, bin.is)),
                RED.stroke_width(2),
            ))?;
            chart.draw_series(bins.iter().map(|bin| Circle::new((bin.said, bin.is), 4, RED.filled())))?;
            Ok(())
        })?,
    })
}
