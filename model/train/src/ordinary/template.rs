//! Text made of templates with gaps.

use crate::random::Random;

const WORDS: [&str; 48] = [
    "account", "address", "arrow", "basket", "billing", "blue", "box", "button", "card", "cart", "city",
    "color", "contact", "content", "country", "date", "delivery", "email", "field", "filter", "footer",
    "form", "header", "icon", "image", "item", "label", "link", "list", "login", "main", "menu", "message",
    "modal", "name", "news", "order", "page", "phone", "price", "product", "search", "section", "shop",
    "slider", "tab", "title", "video",
];

/// `template` with its gaps filled: `%w` is a word, `%n` a number below 1,000, `%d` one with two decimals, `%h` six
/// hexadecimal digits, `%s` a sentence. Other signs after `%` stay as they are.
pub(super) fn fill(template: &str, random: &mut Random) -> String {
    let mut text = String::new();
    let mut pieces = template.split('%');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let mut rest = piece.chars();
        match rest.next() {
            Some('w') => text.push_str(word(random)),
            Some('n') => text.push_str(&random.below(1_000).to_string()),
            Some('d') => text.push_str(&format!("{}.{:02}", random.below(100), random.below(100))),
            Some('h') => text.push_str(&format!("{:06x}", random.below(1 << 24))),
            Some('s') => sentence(&mut text, random),
            _ => {
                text.push('%');
                rest = piece.chars();
            }
        }
        text.push_str(rest.as_str());
    }
    text
}

/// So many of these templates, by lot and filled, one after the other.
pub(super) fn several(count: usize, templates: &[&str], between: &str, random: &mut Random) -> String {
    let one = |random: &mut Random| fill(random.pick(templates).unwrap_or(&""), random);
    (0..count).map(|_| one(random)).collect::<Vec<_>>().join(between)
}

fn word(random: &mut Random) -> &'static str {
    random.pick(&WORDS).unwrap_or(&"word")
}

fn sentence(text: &mut String, random: &mut Random) {
    for nth in 0..3 + random.below(8) {
        text.push_str(if nth > 0 { " " } else { "" });
        text.push_str(word(random));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_gaps_and_nothing_else() {
        let mut random = Random::new(1);
        assert_eq!(fill("100% of it, 5%", &mut random), "100% of it, 5%");
        let text = fill("<%w id=%n>%s</%h %d>", &mut random);
        assert!(!text.contains('%') && text.contains(" id=") && text.contains('.'), "{text}");
        assert_eq!(several(0, &["a"], ",", &mut random), "");
        assert_eq!(several(3, &["a"], ",", &mut random), "a,a,a");
        assert_eq!(several(2, &[], ",", &mut random), ",");
    }
}
