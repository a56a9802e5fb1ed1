//! Words, names and bodies that a seed alone decides: nothing in them is an attack, or looks like one.

use portcullis_tests::random::Random;

const WORDS: [&str; 64] = [
    "the",
    "garden",
    "morning",
    "window",
    "river",
    "paper",
    "letter",
    "summer",
    "winter",
    "quiet",
    "yellow",
    "kitchen",
    "bread",
    "market",
    "village",
    "bridge",
    "mountain",
    "evening",
    "lamp",
    "table",
    "chair",
    "song",
    "travel",
    "station",
    "harbour",
    "coffee",
    "orange",
    "green",
    "small",
    "large",
    "early",
    "late",
    "warm",
    "cold",
    "gentle",
    "bright",
    "walked",
    "opened",
    "carried",
    "painted",
    "found",
    "wrote",
    "with",
    "near",
    "under",
    "behind",
    "across",
    "many",
    "few",
    "seven",
    "twelve",
    "children",
    "neighbour",
    "teacher",
    "baker",
    "sailor",
    "friend",
    "story",
    "picture",
    "basket",
    "blanket",
    "corner",
    "meadow",
    "forest",
];

/// Prose of about so many bytes, never fewer.
#[must_use]
pub fn prose(random: &mut Random, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        let word = random.pick(&WORDS);
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
        if random.below(12) == 0 {
            text.push('.');
        }
    }
    text
}

/// A word with a number behind it: `river-4711`.
#[must_use]
pub fn name(random: &mut Random) -> String {
    format!("{}-{}", random.pick(&WORDS), random.below(10_000))
}

/// A form of so many fields and exactly so many bytes.
#[must_use]
pub fn form(random: &mut Random, fields: usize, bytes: usize) -> String {
    let mut body = String::with_capacity(bytes + 64);
    for field in 0..fields {
        let left = bytes.saturating_sub(body.len()) / (fields - field);
        let key = format!("{}field_{field}=", if field == 0 { "" } else { "&" });
        body.push_str(&key);
        body.push_str(&prose(random, left.saturating_sub(key.len() + 6)).replace(' ', "+"));
    }
    pad(&mut body, bytes);
    body
}

/// A JSON object with so many values, the last of them padded so that it has exactly so many bytes.
#[must_use]
pub fn json(random: &mut Random, values: usize, bytes: usize) -> String {
    let mut body = String::with_capacity(bytes + 64);
    body.push_str("{\"order\":{\"items\":[");
    for value in 0..values {
        // Eight values are an item.
        body.push_str(match value % 8 {
            0 if value == 0 => "{",
            0 => "},{",
            _ => ",",
        });
        let left = bytes.saturating_sub(body.len() + 4) / (values - value);
        let key = format!("\"{}\":", KEYS[value % 8]);
        body.push_str(&key);
        if value % 4 == 1 && value + 1 < values {
            body.push_str(&random.below(100_000).to_string());
        } else {
            body.push_str(&format!("\"{}\"", prose(random, left.saturating_sub(key.len() + 9))));
        }
    }
    let end = "\"}]}}";
    body.pop();
    pad(&mut body, bytes.saturating_sub(end.len()));
    body.push_str(end);
    body
}

const KEYS: [&str; 8] = ["title", "amount", "colour", "place", "note", "weight", "label", "remark"];

/// Makes a text exactly so long, if it is not longer.
fn pad(text: &mut String, bytes: usize) {
    while text.len() < bytes {
        text.push('e');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_size() {
        for (fields, bytes) in [(40, 8 << 10), (621, 127 << 10)] {
            let body = form(&mut Random::new(1), fields, bytes);
            assert_eq!((body.len(), body.split('&').count()), (bytes, fields));
        }
        for (values, bytes) in [(73, 2252), (470, 125 << 10)] {
            let body = json(&mut Random::new(1), values, bytes);
            let parsed: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let items = parsed["order"]["items"].as_array().expect("items");
            let count: usize =
                items.iter().filter_map(serde_json::Value::as_object).map(serde_json::Map::len).sum();
            assert_eq!((body.len(), count), (bytes, values));
        }
    }
}
