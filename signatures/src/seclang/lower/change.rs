//! Actions that change variables: `setvar`, `setenv`, `initcol`, `expirevar` and the `set*id` ones.

use super::super::mapped::Mapped;
use super::action::text;
use super::did_you_mean;
use super::setting::number_of;
use crate::{Action, Assignment, Change, Diagnostic, Text};

/// Persistent collections.
const PERSISTENT: [&str; 5] = ["global", "ip", "resource", "session", "user"];

/// `setvar:tx.score=+%{tx.critical}`, `setvar:tx.flag`, `setvar:!tx.flag`.
pub(super) fn set_var(value: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Action> {
    let (unset, rest) = match value.as_str().strip_prefix('!') {
        Some(rest) => (true, value.slice(value.range_of(rest))),
        None => (false, value.clone()),
    };
    let (target, assigned) = match split_outside_macros(&rest, '=') {
        Some((target, assigned)) => (target, Some(assigned)),
        None => (rest, None),
    };
    let (collection, name) = variable(&target, &["tx", "env"], out)?;
    if let Some((sign, amount)) = assigned.as_ref().and_then(|it| Some((target.as_str().chars().last()?, it)))
        && matches!(sign, '+' | '-')
    {
        let bare = &target.as_str()[..target.as_str().len() - 1];
        out.push(
            Diagnostic::error("sign-before-equals", format!("`{sign}` stands before the `=`"))
                .at(target.slice(bare.len()..bare.len() + 1).location(), "part of the name here")
                .help(format!("write `setvar:{bare}={sign}{}`", amount.as_str())),
        );
        return None;
    }
    let change = match assigned {
        Some(extra) if unset => {
            out.push(
                Diagnostic::error("unexpected-value", "a variable is removed and set at once")
                    .at(extra.location(), "not expected after `!`"),
            );
            return None;
        }
        None if unset => Change::Unset,
        None => Change::Set(Text::literal(*b"1")),
        Some(assigned) => change(&assigned, out)?,
    };
    Some(Action::SetVar(Assignment { collection, name, change }))
}

fn change(assigned: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Change> {
    let amount = assigned.slice(assigned.as_str().len().min(1)..assigned.as_str().len());
    match assigned.as_str().as_bytes().first() {
        Some(b'+') => number(&amount, out).map(Change::Add),
        Some(b'-') => number(&amount, out).map(Change::Subtract),
        _ => text(assigned, out).map(Change::Set),
    }
}

/// What is added: a number, or text with macros that becomes one.
fn number(amount: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Text> {
    let text = text(amount, out)?;
    let is_text = text.as_literal().is_some() && !amount.as_str().contains("%{");
    if is_text && !super::lint::is_number(amount.as_str()) {
        out.push(
            Diagnostic::warning("not-a-number", format!("`{}` is not a number", amount.as_str()))
                .at(amount.location(), "what it begins with counts, or 0"),
        );
    }
    Some(text)
}

/// `setenv:NAME=value`.
pub(super) fn set_env(value: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Action> {
    let (name, assigned) = match split_outside_macros(value, '=') {
        Some((name, assigned)) => (name, Some(assigned)),
        None => (value.clone(), None),
    };
    let change = match (name.as_str().strip_prefix('!'), assigned) {
        (Some(_), _) => Change::Unset,
        (None, None) => Change::Set(Text::literal(*b"1")),
        (None, Some(assigned)) => Change::Set(text(&assigned, out)?),
    };
    let bare = name.slice(name.range_of(name.as_str().trim_start_matches('!')));
    Some(Action::SetVar(Assignment { collection: "env".into(), name: text(&bare, out)?, change }))
}

/// `initcol:ip=%{REMOTE_ADDR}`.
pub(super) fn open_collection(value: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Action> {
    let Some((name, key)) = value.split_once('=') else {
        return malformed(value, "`collection=key`", out);
    };
    let collection = collection(&name, &[], out)?;
    Some(Action::InitCol { collection, key: text(&key, out)? })
}

/// `setuid:%{ARGS.user}` and its like.
pub(super) fn set_id(collection: &str, value: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Action> {
    Some(Action::SetId { collection: collection.into(), key: text(value, out)? })
}

/// `expirevar:ip.blocked=3600`.
pub(super) fn expire(value: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Action> {
    let Some((target, seconds)) = split_outside_macros(value, '=') else {
        return malformed(value, "`collection.name=seconds`", out);
    };
    let (collection, name) = variable(&target, &["tx"], out)?;
    Some(Action::ExpireVar { collection, name, seconds: text(&seconds, out)? })
}

/// `deprecatevar:session.score=60/300`.
pub(super) fn deprecate(value: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Action> {
    let expected = "`collection.name=amount/seconds`";
    let Some((target, speed)) = split_outside_macros(value, '=') else {
        return malformed(value, expected, out);
    };
    let Some((amount, period)) = split_outside_macros(&speed, '/') else {
        return malformed(value, expected, out);
    };
    let (collection, name) = variable(&target, &[], out)?;
    let amount = text(&amount, out)?;
    let period_s = number_of::<u32>(&period, out)?;
    if period_s == 0 {
        return malformed(value, "a number of seconds that is not 0", out);
    }
    Some(Action::DeprecateVar { collection, name, amount, period_s })
}

/// `collection.name`.
fn variable(target: &Mapped, others: &[&str], out: &mut Vec<Diagnostic>) -> Option<(Box<str>, Text)> {
    let Some((first, name)) = target.split_once('.').filter(|(_, name)| !name.is_empty()) else {
        malformed::<()>(target, "`collection.name`", out);
        let written = target.as_str();
        let meant = match written.split_once(':') {
            Some((collection, name)) => Some(format!("{}.{name}", collection.to_ascii_lowercase())),
            None => (!written.contains('.') && !written.is_empty()).then(|| format!("tx.{written}")),
        };
        if let Some(found) = out.last_mut() {
            found.help = meant.map(|meant| format!("did you mean `{meant}`?"));
        }
        return None;
    };
    Some((collection(&first, others, out)?, text(&name, out)?))
}

/// The name of a collection that rules can write to, lower case.
fn collection(name: &Mapped, others: &[&str], out: &mut Vec<Diagnostic>) -> Option<Box<str>> {
    let wanted = name.as_str().trim().to_ascii_lowercase();
    if PERSISTENT.iter().chain(others).any(|known| *known == wanted) {
        return Some(wanted.into());
    }
    out.push(
        Diagnostic::error(
            "unknown-collection",
            format!("`{}` is not a collection that can be written", name.as_str()),
        )
        .at(name.location(), format!("expected one of {}", [&PERSISTENT[..], others].concat().join(", ")))
        .help(did_you_mean(&wanted, PERSISTENT.into_iter().chain(others.iter().copied()))),
    );
    None
}

fn malformed<T>(value: &Mapped, expected: &str, out: &mut Vec<Diagnostic>) -> Option<T> {
    out.push(
        Diagnostic::error("invalid-value", format!("`{}` is incomplete", value.as_str()))
            .at(value.location(), format!("expected {expected}")),
    );
    None
}

/// Splits at the first separator that is not within `%{...}`.
fn split_outside_macros(text: &Mapped, separator: char) -> Option<(Mapped, Mapped)> {
    let written = text.as_str();
    let mut inside = false;
    for (at, c) in written.char_indices() {
        match c {
            '{' if written[..at].ends_with('%') => inside = true,
            '}' => inside = false,
            c if c == separator && !inside => {
                return Some((text.slice(0..at), text.slice(at + c.len_utf8()..written.len())));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::check::{codes, link};
    use crate::{Action, Change};

    fn shown(actions: &str) -> String {
        let part = |text: &crate::Text| {
            text.as_literal().map_or("macro".to_owned(), |text| String::from_utf8_lossy(text).into_owned())
        };
        match &link(actions).actions[0] {
            Action::SetVar(set) => {
                let change = match &set.change {
                    Change::Add(by) => format!("+{}", part(by)),
                    Change::Set(to) => format!("={}", part(to)),
                    Change::Subtract(by) => format!("-{}", part(by)),
                    Change::Unset => "unset".to_owned(),
                };
                format!("{}.{} {change}", set.collection, part(&set.name))
            }
            Action::InitCol { collection, key } => format!("open {collection} {}", part(key)),
            Action::SetId { collection, key } => format!("name {collection} {}", part(key)),
            Action::DeprecateVar { collection, name, amount, period_s } => {
                format!("decay {collection}.{} {}/{period_s}", part(name), part(amount))
            }
            Action::ExpireVar { collection, name, seconds } => {
                format!("expire {collection}.{} {}", part(name), part(seconds))
            }
            Action::Ctl(ctl) => format!("{ctl:?}"),
            Action::Sanitise(what) => format!("{what:?}"),
        }
    }

    #[test]
    fn reads_changes() {
        let rows = [
            ("setvar:tx.a", "tx.a =1"),
            ("setvar:TX.a=b", "tx.a =b"),
            ("setvar:'tx.a=+5'", "tx.a +5"),
            ("setvar:tx.a=-5", "tx.a -5"),
            ("setvar:tx.a=+%{tx.b}", "tx.a +macro"),
            ("setvar:tx.a_%{tx.1}=%{tx.0}", "tx.macro =macro"),
            ("setvar:!tx.a", "tx.a unset"),
            ("setvar:tx.a=", "tx.a ="),
            ("setvar:tx.a=b=c", "tx.a =b=c"),
            ("setvar:ip.a.b=1", "ip.a.b =1"),
            ("setenv:a=b", "env.a =b"),
            ("setenv:!a", "env.a unset"),
            ("initcol:ip=%{REMOTE_ADDR}", "open ip macro"),
            ("setsid:abc", "name session abc"),
            ("setuid:abc", "name user abc"),
            ("setrsc:abc", "name resource abc"),
            ("expirevar:'ip.a=60'", "expire ip.a 60"),
            ("deprecatevar:session.a=60/300", "decay session.a 60/300"),
            ("sanitiseArg:a", "Named(\"ARGS:a\")"),
            ("sanitiseRequestHeader:a", "Named(\"REQUEST_HEADERS:a\")"),
            ("sanitiseMatched", "Matched"),
        ];
        for (action, expected) in rows {
            assert_eq!(shown(action), expected, "{action}");
        }
    }

    #[test]
    fn refuses_what_is_incomplete() {
        let rows = [
            ("setvar:a=1", "invalid-value"),
            ("setvar:tx.=1", "invalid-value"),
            ("setvar:tx.a+=1", "sign-before-equals"),
            ("setvar:tx.a=+five", "not-a-number"),
            ("setvar:tx.a=%{tx.b", "unclosed-macro"),
            ("setvar:args.a=1", "unknown-collection"),
            ("setvar:!tx.a=1", "unexpected-value"),
            ("initcol:ip", "invalid-value"),
            ("initcol:tx=1", "unknown-collection"),
            ("expirevar:ip.a", "invalid-value"),
            ("deprecatevar:ip.a", "invalid-value"),
            ("deprecatevar:ip.a=60", "invalid-value"),
            ("deprecatevar:ip.a=60/0", "invalid-value"),
            ("deprecatevar:ip.a=60/x", "invalid-number"),
            ("deprecatevar:tx.a=60/300", "unknown-collection"),
        ];
        for (action, code) in rows {
            assert_eq!(codes(&format!("SecAction \"id:1,phase:1,pass,{action}\"")), [code], "{action}");
        }
    }
}
