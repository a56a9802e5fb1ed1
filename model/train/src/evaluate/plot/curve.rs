//! Receiver operating characteristic and precision-recall, on axes that show what is rare.

use plotters::prelude::*;

use super::super::{Curve, Figures, Point, Total, Weighing};
use super::{BLUE, GREEN, INK, Picture, RED, VIOLET, draw, percent, text};

/// The least share an axis shows: less than one in 100,000 cannot be measured with less than that many.
const LEAST: f64 = 1e-5;

/// Attacks missed over ordinary requests stopped.
pub(super) fn characteristic(figures: &Figures) -> anyhow::Result<Picture> {
    let deciders = figures.totals.iter().filter(|total| total.scope == "all");
    let marks = deciders.filter_map(|total| {
        let (found, wrong) = (total.found?, total.false_positives?);
        Some((total, [wrong.share, 1.0 - found.share], [wrong.weighted, 1.0 - found.weighted]))
    });
    let axes = ["ordinary requests stopped", "attacks missed"];
    let place = |point: &Point| (point.false_positives, 1.0 - point.found);
    Ok(Picture {
        name: "roc",
        caption: "Receiver operating characteristic of the model, all collections: lower and further left is \
                  better. Marks are signatures alone, and both together at each confidence.",
        svg: chart(
            figures,
            axes,
            place,
            &marks.map(|(total, at, _)| (total, (at[0], at[1]))).collect::<Vec<_>>(),
        )?,
    })
}

/// Alarms that are false over attacks missed.
pub(super) fn precision(figures: &Figures) -> anyhow::Result<Picture> {
    let axes = ["attacks missed (1 - recall)", "false among alarms (1 - precision)"];
    let place = |point: &Point| (1.0 - point.found, 1.0 - point.precision);
    Ok(Picture {
        name: "precision-recall",
        caption: "Precision and recall of the model, with as many attacks to ordinary requests as the data have: \
                  lower and further left is better.",
        svg: chart(figures, axes, place, &[])?,
    })
}

fn chart(
    figures: &Figures,
    [x, y]: [&str; 2],
    place: impl Fn(&Point) -> (f64, f64),
    marks: &[(&Total, (f64, f64))],
) -> anyhow::Result<String> {
    let shown = |(x, y): (f64, f64)| (x.clamp(LEAST, 1.0), y.clamp(LEAST, 1.0));
    draw((720, 480), |area| {
        let axis = || (LEAST..1.0).log_scale();
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            // Half of the last label lies beyond the axis.
            .margin_right(28)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(axis(), axis())?;
        chart
            .configure_mesh()
            .axis_style(INK.mix(0.6))
            .bold_line_style(INK.mix(0.15))
            .light_line_style(INK.mix(0.05))
            .label_style(text(13))
            .axis_desc_style(text(14))
            .x_desc(x)
            .y_desc(y)
            .x_label_formatter(&|share| percent(*share))
            .y_label_formatter(&|share| percent(*share))
            .draw()?;
        for curve in &figures.curves {
            let (colour, name) = style(curve);
            chart
                .draw_series(LineSeries::new(
                    curve.points.iter().map(|point| shown(place(point))),
                    colour.stroke_width(2),
                ))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        for (total, at) in marks.iter().filter(|(total, _)| !total.decider.starts_with("model")) {
            let colour = mark(total);
            chart
                .draw_series([Circle::new(shown(*at), 5, colour.filled())])?
                .label(total.decider.clone())
                .legend(move |(x, y)| Circle::new((x + 9, y), 5, colour.filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .label_font(text(13))
            .draw()?;
        Ok(())
    })
}

/// The surer the model must be, the stronger the colour.
fn mark(total: &Total) -> RGBAColor {
    match total.decider.as_str() {
        "signatures" => VIOLET.mix(1.0),
        _ if total.default => GREEN.mix(1.0),
        _ if total.decider.ends_with("high") => GREEN.mix(0.6),
        _ => GREEN.mix(0.35),
    }
}

fn style(curve: &Curve) -> (RGBColor, &'static str) {
    match curve.weighing {
        Weighing::Requests => (RED, "model, by request"),
        Weighing::Clusters => (BLUE, "model, sites and clusters once"),
    }
}
