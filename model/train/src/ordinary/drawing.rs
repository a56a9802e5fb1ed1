//! Drawings (SVG 2, W3C), as pages hold them and style sheets quote them.

use super::template::{fill, several};
use crate::random::Random;

const STARTS: [&str; 5] = [
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%n\" height=\"%n\" viewBox=\"0 0 %n %n\">",
    "<svg width=\"%n\" height=\"%n\" viewBox=\"0 0 %n %n\" fill=\"none\" xmlns=\"http://www.w3.org/2000/svg\">",
    "<svg class=\"%w-%w\" viewBox=\"0 0 24 24\"><title>%s</title>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><svg version=\"1.1\" id=\"Layer_%n\" xmlns=\"http://www.w3.org/2000/svg\" \
     xmlns:xlink=\"http://www.w3.org/1999/xlink\" x=\"0px\" y=\"0px\" viewBox=\"0 0 %n %n\" xml:space=\"preserve\">",
    "<svg aria-hidden=\"true\" focusable=\"false\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %n %n\">\
     <style type=\"text/css\">.st0{fill:#%h;stroke:#%h;stroke-width:2}</style>",
];

const SHAPES: [&str; 10] = [
    "<path d=\"M%d %dl%d-%d-%d %dz\"/>",
    "<path fill-rule=\"evenodd\" clip-rule=\"evenodd\" d=\"M%n %nC%d %d %d %d %d %dL%n %nZ\" fill=\"#%h\"/>",
    "<path fill=\"currentColor\" d=\"M%n %nc-%d-%d-%d %d-%d %ds%d %d %d %dv%dh-%d\"></path>",
    "<circle cx=\"%d\" cy=\"%d\" r=\"%n\" fill=\"#%h\"/>",
    "<rect x=\"%n\" y=\"%n\" width=\"%n\" height=\"%n\" rx=\"%n\" style=\"fill:#%h\"/>",
    "<g fill=\"none\" stroke=\"#%h\" stroke-width=\"%d\"><polyline points=\"%n %n %n %n %n %n\"/></g>",
    "<g id=\"%w\" transform=\"translate(%d %d)\"><path d=\"M0 0h%nv%nH0z\" opacity=\".%n\"/></g>",
    "<line x1=\"%n\" y1=\"%n\" x2=\"%n\" y2=\"%n\" stroke=\"white\" stroke-linecap=\"round\"/>",
    "<text x=\"%n\" y=\"%n\" font-family=\"Arial\" font-size=\"%n\">%w</text>",
    "<defs><linearGradient id=\"a%n\"><stop offset=\"%n%\" stop-color=\"#%h\"/></linearGradient></defs>",
];

/// A drawing of one to twelve shapes.
pub(super) fn drawing(random: &mut Random) -> String {
    let start = fill(random.pick(&STARTS).unwrap_or(&""), random);
    format!("{start}{}</svg>", several(1 + random.below(12), &SHAPES, "", random))
}

/// A drawing as it is, with the other quotes, or as a `data:` URL (RFC 2397).
pub(super) fn quoted(random: &mut Random) -> String {
    let drawing = drawing(random);
    let single = drawing.replace('"', "'");
    let partly = single.replace('<', "%3C").replace('>', "%3E").replace('#', "%23");
    match random.below(6) {
        0 => drawing,
        1 => single,
        2 => format!("data:image/svg+xml,{single}"),
        3 => format!("data:image/svg+xml;utf8,{partly}"),
        4 => format!("data:image/svg+xml,{}", partly.replace(' ', "%20").replace('\'', "%22")),
        _ => format!("url(\"data:image/svg+xml,{partly}\")"),
    }
}
