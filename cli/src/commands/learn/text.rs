//! What is known of parameters, as text.

use std::fmt;

use model::profile::{Key, Summary};

use crate::output::plural;

/// All that is known of a parameter.
pub(super) struct Parameter<'s>(pub(super) &'s Summary);

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { site, path, location, name, .. } = self.0;
        let path = if path.is_empty() { "*" } else { path };
        writeln!(f, "{} {} {location} {}", site.escape_debug(), path.escape_debug(), name.escape_debug())?;
        Known { indent: "    ", summary: self.0 }.fmt(f)
    }
}

/// What differs between what was and what is known of a parameter.
pub(super) struct Difference<'d> {
    pub(super) key: &'d Key,
    pub(super) before: &'d Option<Summary>,
    pub(super) after: &'d Option<Summary>,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match (self.before, self.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        writeln!(f, "{sign} {}", self.key)?;
        // Only the lines that differ.
        let lines = |summary: &Option<Summary>| -> Vec<String> {
            let text = summary.as_ref().map(|summary| Known { indent: "", summary }.to_string());
            text.unwrap_or_default().lines().map(str::to_owned).collect()
        };
        let (before, after) = (lines(self.before), lines(self.after));
        for line in before.iter().filter(|line| !after.contains(line)) {
            writeln!(f, "    - {line}")?;
        }
        for line in after.iter().filter(|line| !before.contains(line)) {
            writeln!(f, "    + {line}")?;
        }
        Ok(())
    }
}

/// The lines about a parameter.
struct Known<'s> {
    indent: &'s str,
    summary: &'s Summary,
}

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { indent, summary: it } = self;
        let kinds: Vec<_> = it.kinds.iter().map(|(kind, percent)| format!("{kind} {percent} %")).collect();
        let (first, last) = it.bytes;
        writeln!(
            f,
            "{indent}seen      {}, about {}, {}",
            plural(it.requests as usize, "request"),
            plural(it.sources as usize, "source"),
            plural(it.windows as usize, "window")
        )?;
        writeln!(
            f,
            "{indent}values    {}; {first} to {last} bytes; {}",
            kinds.join(", "),
            it.characters.join(" ")
        )?;
        let always = if it.always_plain { ": anything else counts more" } else { "" };
        writeln!(f, "{indent}plain     {} %{always}", it.plain_percent)?;
        if it.habitual_ngrams > 0 || !it.words.is_empty() {
            writeln!(f, "{indent}habitual  {}", habits(it))?;
        }
        if !it.rules.is_empty() {
            let rules: Vec<_> = it.rules.iter().map(u32::to_string).collect();
            writeln!(f, "{indent}rules     {}: they need the model's word", rules.join(" "))?;
        }
        if it.critical_requests > 0 {
            let what = if it.critical_trusted { "usual here: they do not count" } else { "they count" };
            let requests = plural(it.critical_requests as usize, "request");
            writeln!(f, "{indent}critical  {requests}, that the model doubts by itself: {what}")?;
        }
        if it.not_habitual > 0 {
            writeln!(f, "{indent}not yet   {}", plural(it.not_habitual, "indicator"))?;
        }
        Ok(())
    }
}

fn habits(summary: &Summary) -> String {
    let mut parts = vec![plural(summary.habitual_ngrams, "n-gram")];
    if !summary.ngrams.is_empty() {
        let examples: Vec<_> = summary.ngrams.iter().map(|ngram| format!("`{ngram}`")).collect();
        parts.push(format!(": {}", examples.join(" ")));
    }
    if !summary.words.is_empty() {
        parts.push(format!("; {}", summary.words.join(" ")));
    }
    parts.concat()
}
