//! What pages say of themselves with `navigator.sendBeacon` (W3C Beacon): JSON that calls itself plain text, so that the URLs in it
//! are read as a form, and cut it where they have `&` and `=`.

use super::template::several;
use crate::random::Random;

const MEMBERS: [&str; 14] = [
    "\"url\":\"https://www.example.com/%w/%w?%w=%n&%w=%w\"",
    "\"referrer\":\"https://www.example.org/%w?q=%w&%w=%h&%w=%w%n&%w=\"",
    "\"page\":\"https://shop.example.com/%w-%w?id=%n&utm_source=%w&utm_medium=\"",
    "\"href\":\"/%w?%w=%w%252C%w&%w=%h#%w\"",
    "\"%w_%w\":\"\"",
    "\"%w\":null",
    "\"%w_time\":%n%n",
    "\"%w_id\":\"%h%h\"",
    "\"%w\":{\"%w\":\"%w\",\"src\":\"//img.example.net/%w.png?w=%n&h=%n\"}",
    "\"%w\":[\"%w=%n\",\"%w=%n\"]",
    "\"%w\":\"%s\"",
    "\"screen\":\"%nx%n\"",
    "\"%w\":true",
    "\"query\":\"?%w=%w&%w=%w\"",
];

/// An event, or a list of them, within one or two objects.
pub(super) fn beacon(random: &mut Random) -> String {
    let members = several(3 + random.below(9), &MEMBERS, ",", random);
    match random.below(4) {
        0 => format!("{{{members}}}"),
        1 => format!("{{\"data\":{{{members}}}}}"),
        2 => format!("{{\"events\":[{{{members}}}]}}"),
        _ => format!("[{{\"name\":\"event\",\"payload\":{{{members}}}}}]"),
    }
}
