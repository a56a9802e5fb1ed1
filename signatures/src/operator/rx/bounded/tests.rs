//! Rows for each feature, and agreement with `regex` on what both can do.

use proptest::prelude::*;
use regex::bytes::RegexBuilder;

use super::node::Node;
use super::parse::parse;
use super::{Budget, Exhausted, Hit, Program};
use crate::operator::check::{captured, check, refusal};
use crate::operator::rx::{Rx, rewrite};

fn find(pattern: &str, value: &[u8]) -> Result<Option<Hit>, Exhausted> {
    let program = Program::compile(pattern).expect(pattern);
    Budget::default().lend(value.len(), |steps| program.find_at(value, 0, steps))
}

#[test]
fn looks_around() {
    check(
        "rx",
        &[
            ("a(?=b)", "acab", Some("a")),
            ("a(?!b).", "abac", Some("ac")),
            (r"<\?(?!xml)", "<?xml <?php", Some("<?")),
            (r"<\?(?!xml)", "<?xml", None),
            ("(?<=a)b", "bab", Some("b")),
            ("(?<!a|cd);", "a;cd;d;", Some(";")),
            ("(?<!a|cd);", "a;cd;", None),
            ("(?<=^|x)b", "ab", None),
            ("(?<=^|x)b", "b", Some("b")),
            ("(?<=a{1,3}c)b", "aacb", Some("b")),
            (r"(?<=\bfoo(?!z))bar", "foobar", Some("bar")),
            ("(?=(?=a)a(?!c))ab", "ab", Some("ab")),
            ("(?i)a(?=B)", "Ab", Some("A")),
            ("(?:(?=a)a|b)+", "aabab", Some("aabab")),
            (r"^(?!.*\.\.)[\w.]+$", "a.b.c", Some("a.b.c")),
            (r"^(?!.*\.\.)[\w.]+$", "a..c", None),
            ("(?!)", "a", None),
            ("(?=)", "a", Some("")),
        ],
    );
}

#[test]
fn refers_back() {
    check(
        "rx",
        &[
            (r"(\w+)=\1", "a=b c=c", Some("c=c")),
            (r"(?i)(ab)\1", "abAB", Some("abAB")),
            (r"(ab)\1", "abAB", None),
            (r"(a)?\1b", "b", None),
            (r"(?<x>a)(?P<y>b)\k<x>\k'y'\k{x}(?P=y)\g{y}", "ababab", None),
            (r"(?<x>a)(?P<y>b)\k<x>\k'y'\k{x}(?P=y)\g{y}", "abababb", Some("abababb")),
            (r"(a)(b)\g{-1}\g{1}\g2", "abbab", Some("abbab")),
            (r"(a|b\1)+", "aba", Some("aba")),
            (r"^(a\1?){4}$", "aaaaaa", Some("aaaaaa")),
            (r"\b(\w+)\b\s*(?!\b\1\b)\w+", "a a b", Some("a b")),
        ],
    );
}

#[test]
fn gives_nothing_back() {
    check(
        "rx",
        &[
            ("a++a", "aaa", None),
            ("a++b", "aab", Some("aab")),
            (r#""[^"]*+"x"#, r#""a""b"x"#, Some(r#""b"x"#)),
            ("(?>a|ab)c", "abc", None),
            ("(?>ab|a)c", "acabc", Some("ac")),
            ("x?+x", "x", None),
            ("a{1,2}+a", "aaa", Some("aaa")),
            ("(?:(?>a+)b)*c", "aababc", Some("aababc")),
            ("(?>(?>a|b)+c|.)d", "abcabd", Some("bd")),
        ],
    );
}

#[test]
fn reads_as_the_linear_matcher() {
    // `(?=)` makes any pattern one for the bounded matcher.
    check(
        "rx",
        &[
            ("(?=)a.b$", "a\nb", Some("a\nb")),
            ("(?=)a$", "a\n", None),
            (r"(?=)a\Z", "a\n", Some("a")),
            ("(?=)^b", "a\nb", None),
            ("(?=)(?m)^b$", "a\nb\nc", Some("b")),
            ("(?=)(?-s).b", "\nb", None),
            (r"(?=)\Aa\z", "a", Some("a")),
            (r"(?=)\ba\B", "a ab", Some("a")),
            ("(?=)é+", "é\u{e9}", Some("é")),
            (r"(?=)[^\W\d]+", "1ab", Some("ab")),
            ("(?=)(?i)[^a]", "Ab", Some("b")),
            ("(?=)(a(?i)b|c)C", "aBC", Some("aBC")),
            ("(?=)(?i:a)b", "Ab", Some("Ab")),
            ("(?=)(?i:a)b", "AB", None),
            ("(?=)(?x) a b # c\n [ d]", "ab ", Some("ab ")),
            ("(?=)(?U)a+", "aa", Some("a")),
            ("(?=)(?U)a+?", "aa", Some("aa")),
            (r"(?=)\Qa.b\E+", "a.bb", Some("a.bb")),
            (r"a\Rb", "a\r\nb", Some("a\r\nb")),
            ("a{2}{2}", "aaaaa", Some("aaaa")),
            ("(?=)a{,3}", "a{,3}", Some("a{,3}")),
            ("(?=)a(?#b)*c", "aac", Some("aac")),
            ("(?=)(a|)+b", "aab", Some("aab")),
            ("(?=)(?:a*)*b", "aab", Some("aab")),
            ("(?=)(?:a*|b)*", "ab", Some("a")),
        ],
    );
    assert_eq!(captured("rx", "(?=)(a)(x)?(b)", "ab"), ["ab", "a", "-", "b"].map(group));
    assert_eq!(captured("rxGlobal", "(?=)(a)|", "ba"), ["", "-", "a", "a"].map(group));
    assert_eq!(captured("rx", "(?=)(?:(a*))*", "aa"), ["aa", ""].map(group));
    assert_eq!(captured("rx", "(?=(a))a(?!(b))", "ac"), ["a", "a", "-"].map(group));
}

fn group(text: &str) -> Option<String> {
    (text != "-").then(|| text.to_owned())
}

#[test]
fn replaces_macros() {
    check(
        "rx",
        &[
            ("^%{tx.word}$", "admin", Some("admin")),
            ("^%{tx.word}$", "admins", None),
            ("(?i)x{1}%{tx.word}{%{tx.number}}", "xADMINNNNN", Some("xADMINNNNN")),
            ("^(?:%{tx.none})$", "", Some("")),
        ],
    );
}

#[test]
fn refuses() {
    for (pattern, code) in [
        ("(?=a)(?R)", "unsupported-regex"),
        ("(a)(?(1)b|c)", "unsupported-regex"),
        (r"(?=a)\K", "unsupported-regex"),
        (r"(?=a)\G", "unsupported-regex"),
        (r"(?=a)\p{L}", "unsupported-regex"),
        (r"(a)\g<1>", "unsupported-regex"),
        ("(?<=a+)b", "unsupported-regex"),
        ("(?x)a+ +", "unsupported-regex"),
        ("(*UTF8)(?=a)", "unsupported-regex"),
        ("(?|a)", "unsupported-regex"),
        (r"(?=a)\2", "invalid-regex"),
        (r"\k<x>(?<x>a)", "invalid-regex"),
        ("(?=a", "invalid-regex"),
        ("(?=a))", "invalid-regex"),
        ("(?=a)|*", "invalid-regex"),
        ("(?=a)b{2,1}", "invalid-regex"),
        ("(?=a)(?:a{1000}){1000}", "regex-too-large"),
        ("(?=a)(?:(?:){9999}){9999}", "regex-too-large"),
    ] {
        assert_eq!(refusal("rx", pattern).code, code, "{pattern}");
    }
    let deep = "(".repeat(200) + "(?=a)";
    assert_eq!(refusal("rx", &deep).code, "unsupported-regex");
}

#[test]
fn stays_within_its_budget() {
    let text = "a".repeat(20_000).into_bytes();
    for pattern in [
        "(?=a)(a+)+!",
        r"(?:\w++)x",
        "(?=a)(?:a|a|a)*b",
        "(?>a*a*a*a*)b",
        "(?:(?=.*b)a)*c",
        "(?:(?<!b)a)*(?:a|aa)*c",
    ] {
        assert_eq!(find(pattern, &text), Ok(None), "{pattern}");
    }
    assert_eq!(find(r"(a*)*\1b", &text), Err(Exhausted));
    let rx = Rx::compile(r"(a*)*\1b").unwrap();
    assert!(!rx.is_linear());
    let mut budget = Budget::default();
    for _ in 0..20 {
        assert_eq!(rx.find(&text, &crate::operator::check::Macros, &mut budget, None), None);
    }
    assert_eq!(budget.exceeded(), 20);
}

/// Patterns that both matchers can do.
fn regular() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a", "b", "ab", ".", "[ab]", "[^a]", r"\w", r"\W", r"\b", r"\B", "^", "$", "(?i)A", "é", "",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let count = prop::sample::select(vec!["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}?", "{1,3}"]);
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => inner.clone().prop_map(|inner| format!("({inner})")),
            3 => (inner, count).prop_map(|(inner, count)| format!("(?:{inner}){count}")),
        ]
    })
}

fn repeats_nothing(node: &Node) -> bool {
    match node {
        Node::Set(_) | Node::Place(_) | Node::Reference { .. } => false,
        Node::Sequence(nodes) | Node::Choice(nodes) => nodes.iter().any(repeats_nothing),
        Node::Group(_, node) | Node::Body(_, node) => repeats_nothing(node),
        Node::Repeat(node, _) => node.width().least == 0 || repeats_nothing(node),
    }
}

/// Patterns of all kinds, most of them well formed.
fn any_pattern() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a", "b", ".", "[^a]", r"\b", "^", "$", r"\1", r"\2", r"(?<x>a)", r"\k<x>", "(?i)", "(", ")", "|",
        "*", "+", "[", r"\", "{2}", r"\Q", "(?x)", "#", " ", r"\R", "é", r"\x{", "(?>", "(?<=",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let group = prop::sample::select(vec!["(", "(?:", "(?>", "(?=", "(?!", "(?<=", "(?<!"]);
        let count = prop::sample::select(vec!["*", "+", "?", "*+", "++", "?+", "{0,2}", "{2,}+"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            (group, inner.clone(), inner.clone()).prop_map(|(open, one, two)| format!("{open}{one}|{two})")),
            (inner, count).prop_map(|(inner, count)| format!("(?:{inner}){count}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn agrees_with_the_linear_matcher(pattern in regular(), value in "[abcA é]{0,12}") {
        let rewritten = rewrite(&pattern).unwrap().pattern;
        let repeats_nothing = repeats_nothing(&parse(&pattern).unwrap().node);
        let regex = RegexBuilder::new(&rewritten).unicode(false).dot_matches_new_line(true).build().unwrap();
        let expected = regex.captures(value.as_bytes());
        let found = find(&pattern, value.as_bytes()).unwrap();
        prop_assert_eq!(found.is_some(), expected.is_some());
        // An iteration that matches nothing ends a loop in PCRE and here, and is left out by `regex`.
        if let (Some(hit), Some(expected), false) = (found, expected, repeats_nothing) {
            prop_assert_eq!(Some(hit.range), expected.get(0).map(|all| all.range()));
            let groups: Vec<_> = expected.iter().skip(1).map(|group| group.map(|group| group.range())).collect();
            prop_assert_eq!(hit.groups, groups, "groups");
        }
    }

    /// What is remembered changes no result.
    #[test]
    fn remembers_soundly(pattern in any_pattern(), value in "[ab\r\né]{0,12}") {
        if let Ok(mut program) = Program::compile(&pattern) {
            let mut search = |is_memorable| {
                program.is_memorable &= is_memorable;
                let mut steps = 100_000;
                program.find_at(value.as_bytes(), 0, &mut steps)
            };
            let (remembering, plain) = (search(true), search(false));
            if plain != Err(Exhausted) {
                prop_assert_eq!(remembering, plain);
            }
        }
    }

    #[test]
    fn never_panics(pattern in ".{0,30}|[a(?<=!>)*+{}1,0\\\\gk]{0,20}", value in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(program) = Program::compile(&pattern) {
            let _ = program.find_at(&value, 0, &mut 10_000);
        }
    }
}
