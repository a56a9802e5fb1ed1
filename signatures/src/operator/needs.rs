//! What a value must hold so that an operator can match it.

use super::{Argument, ByteRange, Number, Operator, Pm, Rx};
use crate::Text;
use crate::prefilter::{ByteSet, Clause, Needs};

/// The bytes of a single word, which is never an SQL injection.
const WORD: ByteSet = ByteSet::of(b"_").with_range(b'0', b'9').with_range(b'A', b'Z').with_range(b'a', b'z');

impl Operator {
    /// Whether the answer depends on the value alone: on no macro, and no budget.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Self::BeginsWith(argument)
            | Self::Contains(argument)
            | Self::ContainsWord(argument)
            | Self::EndsWith(argument)
            | Self::Streq(argument)
            | Self::Within(argument) => argument.as_literal().is_some(),
            Self::Rx(regex) | Self::RxGlobal(regex) => regex.is_linear(),
            // What `@geoLookup` finds is written down, so it must be asked each time.
            Self::Compare(_, Number::Macro(_)) | Self::GeoLookup(_) | Self::Rbl(_) | Self::Verify(_) => false,
            Self::Compare(_, Number::Fixed(_))
            | Self::DetectSqli
            | Self::DetectXss
            | Self::IpMatch(_)
            | Self::NoMatch
            | Self::Pm(_)
            | Self::UnconditionalMatch
            | Self::ValidateByteRange(_)
            | Self::ValidateUrlEncoding
            | Self::ValidateUtf8Encoding => true,
        }
    }

    /// Whether it matches every value, the whole of it.
    pub(crate) fn matches_all(&self) -> bool {
        matches!(self, Self::Rx(regex) if regex.is_whole())
    }

    /// What is expanded for each value: the argument that may have macros.
    pub(crate) fn argument(&self) -> Option<&Text> {
        match self {
            Self::BeginsWith(argument)
            | Self::Compare(_, Number::Macro(argument))
            | Self::Contains(argument)
            | Self::ContainsWord(argument)
            | Self::EndsWith(argument)
            | Self::Streq(argument)
            | Self::Within(argument) => Some(argument.text()),
            Self::Rx(regex) | Self::RxGlobal(regex) => regex.expanded(),
            _ => None,
        }
    }

    /// The pattern that values are matched with.
    fn pattern(&self) -> Option<&Rx> {
        match self {
            Self::Rx(regex) | Self::RxGlobal(regex) => Some(regex),
            Self::Verify(verify) => Some(verify.candidates()),
            _ => None,
        }
    }

    /// Builds what the first match would otherwise wait for.
    pub(crate) fn build(&self) {
        if let Some(regex) = self.pattern() {
            regex.build();
        }
    }

    /// Works out what takes long to say of [`Operator::needs`].
    pub(crate) fn work_out_needs(&self) {
        if let Some(regex) = self.pattern() {
            regex.work_out_needs();
        }
    }

    /// What every value holds that the operator matches; nothing where that cannot be said.
    pub(crate) fn needs(&self) -> Needs {
        match self {
            Self::BeginsWith(argument)
            | Self::Contains(argument)
            | Self::ContainsWord(argument)
            | Self::EndsWith(argument)
            | Self::Streq(argument) => text(argument),
            Self::Compare(..)
            | Self::GeoLookup(_)
            | Self::IpMatch(_)
            | Self::Rbl(_)
            | Self::UnconditionalMatch
            | Self::Within(_) => Needs::default(),
            Self::DetectSqli => bytes(WORD.complement()),
            Self::DetectXss => bytes(ByteSet::of(b"<=")),
            Self::NoMatch => Needs::all([Clause::default()], 0),
            Self::Pm(phrases) => phrases_of(phrases),
            Self::Rx(regex) | Self::RxGlobal(regex) => regex.needs(),
            Self::ValidateByteRange(allowed) => refused(allowed),
            Self::ValidateUrlEncoding => bytes(ByteSet::of(b"%")),
            Self::ValidateUtf8Encoding => bytes(ByteSet::EMPTY.with_range(0x80, 0xff)),
            Self::Verify(verify) => verify.needs(),
        }
    }
}

fn bytes(bytes: ByteSet) -> Needs {
    Needs::all([Clause::bytes(bytes)], 1)
}

fn text(argument: &Argument) -> Needs {
    argument.as_literal().map(Needs::literal).unwrap_or_default()
}

fn phrases_of(phrases: &Pm) -> Needs {
    Needs::all(Clause::literals(phrases.phrases()), 1)
}

fn refused(allowed: &ByteRange) -> Needs {
    bytes((0..=u8::MAX).filter(|byte| !allowed.allows(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Budget;
    use super::super::check::{Files, Macros};
    use super::*;
    use crate::prefilter::{BranchClauses, ScannerBuilder};

    /// Operators with their arguments; patterns are made of the same few letters as the values.
    const OPERATORS: &[(&str, &str)] = &[
        ("beginsWith", "aB"),
        ("contains", "b<"),
        ("containsWord", "ab"),
        ("detectSQLi", ""),
        ("detectXSS", ""),
        ("endsWith", "a="),
        ("noMatch", ""),
        ("pm", "ab <a =b' b"),
        ("streq", "a<b"),
        ("validateByteRange", "32-65,97-127"),
        ("validateUrlEncoding", ""),
        ("validateUtf8Encoding", ""),
        ("verifySSN", r"\d{3}-?\d{2}-?\d{4}"),
    ];

    fn value() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            8 => prop::sample::select(b"aAbB<=' 1-".to_vec()),
            1 => any::<u8>(),
        ];
        prop::collection::vec(byte, 0..24)
    }

    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "a", "b", "ab", "<", "=", "'", "[ab]", "[^a]", "[a-z<]", ".", r"\b", "^", "$", "", "(?i:ab)",
            r"\s", r"\W", "b=a", "bab", "[=<']", "(?i)",
        ]);
        leaf.prop_map(String::from).prop_recursive(5, 24, 4, |inner| {
            let quantifier = prop::sample::select(vec!["*", "+", "?", "{2}", "{1,3}", "+?", "{0,2}"]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 2..4)
                    .prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner, quantifier).prop_map(|(part, quantifier)| format!("({part}){quantifier}")),
            ]
        })
    }

    /// Whether a value that the operator matches meets all needs.
    fn check(name: &str, argument: &str, value: &[u8]) -> Result<(), TestCaseError> {
        let operator = Operator::compile(name, argument, &Files).unwrap();
        let needs = operator.needs();
        if operator.find_within(value, &Macros, &mut Budget::default(), None).is_none() {
            return Ok(());
        }
        let mut builder = ScannerBuilder::default();
        let ids = builder.add_all(&needs.clauses);
        let branches = BranchClauses::new(&needs.branches, &mut builder);
        let scanner = builder.build(|_| true);
        let mut met = vec![0; scanner.words()];
        let seen = scanner.scan(value, scanner.whole(), &mut met);
        let branches = branches.told_by(&scanner);
        prop_assert!(
            branches.is_none_or(|branches| branches.may_be_in(&seen, &met)),
            "{} {} {:?}",
            name,
            argument,
            needs
        );
        for id in ids {
            let bit = scanner.bit(id).unwrap();
            prop_assert!(
                met[usize::from(bit) / 64] >> (bit % 64) & 1 == 1,
                "{} {} {:?}",
                name,
                argument,
                needs
            );
        }
        prop_assert!(value.len() >= needs.bytes_min);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_matches_meets_the_needs(value in value()) {
            for (name, argument) in OPERATORS {
                check(name, argument, &value)?;
            }
        }

        #[test]
        fn what_a_pattern_matches_meets_its_needs(
            pattern in pattern(),
            values in prop::collection::vec(value(), 1..30),
        ) {
            for value in values {
                check("rx", &pattern, &value)?;
            }
        }
    }

    #[test]
    fn patterns_need_their_literals() {
        for (pattern, needed) in [
            (r"(?i)union[\s(+]+select\b", vec!["select"]),
            ("<script|javascript:", vec!["<script|javascript:"]),
            ("^/mgmt/(?:tm|shared)/x", vec!["/mgmt/shared/x|/mgmt/tm/x"]),
            ("(?:a|b)*", vec![]),
        ] {
            let needs = Operator::compile("rx", pattern, &Files).unwrap().needs();
            let literals = |clause: &Clause| {
                clause
                    .literals
                    .iter()
                    .map(|it| String::from_utf8_lossy(it).into_owned())
                    .collect::<Vec<_>>()
                    .join("|")
            };
            let held: Vec<_> = needs.clauses.iter().map(literals).filter(|it| !it.is_empty()).collect();
            for literal in needed {
                assert!(held.iter().any(|it| it.contains(literal)), "{pattern}: {held:?}");
            }
        }
    }
}
