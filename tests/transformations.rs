//! Transformations beside those of libmodsecurity, on random values.
//!
//! Every difference is explained in `peers/transformations.yaml`, see `docs/transformations.md`: one that no row explains fails
//! the test, and so does a row whose example is none any more. `PORTCULLIS_VALUES=20000` says how many values each
//! transformation gets; with `UPDATE=1` the page is written. Without the library the suite is left out, and says so.

#[path = "transformations/theirs.rs"]
mod theirs;
#[path = "transformations/values.rs"]
mod values;

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use portcullis_tests::differences::{Answers, Differences};
use portcullis_tests::modsecurity::ModSecurity;
use portcullis_tests::random::Random;
use signatures::transformation::{Transformation, UnicodeMap};

/// Values for each transformation, unless `PORTCULLIS_VALUES` says otherwise.
const VALUES: usize = 2000;

#[test]
fn transformations_are_those_of_libmodsecurity() {
    let Some(peer) = ModSecurity::build() else { return };
    let mut differences = differences();
    for (place, (of, value)) in differences.examples().into_iter().enumerate() {
        let transformation = Transformation::parse(&of).expect("a transformation");
        differences.check_example(place, &ask(&peer, transformation, vec![value])[0]);
    }
    for (seed, transformation) in Transformation::ALL.iter().enumerate() {
        let mut random = Random::new(seed as u64);
        let values = (0..wanted()).map(|_| values::value(&mut random, *transformation)).collect();
        for answers in ask(&peer, *transformation, values) {
            differences.count(transformation.name(), &answers);
        }
    }
    differences.assert_explained();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(page(), render(&differences)).expect("a page that can be written");
    }
}

/// Best-fit mappings: code points of a map, beside it, and no code points.
#[test]
fn a_map_is_read_as_libmodsecurity_reads_it() {
    let Some(peer) = ModSecurity::build() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("map");
    fs::write(&file, MAP).expect("room for a map");
    let peer = peer.with_directives(format!("SecUnicodeMapFile {} 20127", file.display()));
    let map = UnicodeMap::read(MAP, 20_127).expect("a map");
    let mut random = Random::new(1);
    let pieces: &[&[u8]] = &[
        b"%u0100", b"%u00A1", b"%U2039", b"%uff1c", b"%uff1d", b"%u2018", b"%u0041", b"%u0042", b"%u1239",
        b"%u", b"%u203", b"%", b"+", b"a", b"2039", b"g", b"%3c", b"\xff",
    ];
    let values: Vec<_> = (0..wanted()).map(|_| random.value(pieces, 8)).collect();
    let theirs = peer.ask(values.iter().map(|value| ("urlDecodeUni", &**value)));
    for (value, theirs) in values.iter().zip(theirs) {
        let ours = Transformation::UrlDecodeUni.apply_mapped(Cow::Borrowed(value), Some(&map));
        assert_eq!(Some(&*ours), theirs.as_deref(), "{}", String::from_utf8_lossy(value));
    }
}

/// Of code pages of our own.
const MAP: &str = "(none)\r\n\r\n1252 (one)\r\n0100:61 2039:28\r\n\r\n20127 (two)\r\n00a1:21 0100:41 0041:7a \r\n2039:3c ff1c:5b\r\n\r\n20261 (three)\r\n2018:27\r\n";

/// The page holds the list as it is now; the counts are those of the run that wrote it.
#[test]
fn the_page_is_current() {
    if std::env::var_os("UPDATE").is_some() {
        return;
    }
    let list = |text: &str| {
        text.lines().filter(|line| !line.starts_with("| `")).map(str::to_owned).collect::<Vec<_>>()
    };
    let written = fs::read_to_string(page()).unwrap_or_default();
    assert!(list(&written) == list(&render(&differences())), "{} is old: run ./x bless", page().display());
}

fn differences() -> Differences {
    Differences::new(include_str!("peers/transformations.yaml"), theirs::CLASSES)
}

fn wanted() -> usize {
    let wanted = std::env::var_os("PORTCULLIS_VALUES");
    wanted
        .map_or(VALUES, |text| text.to_str().and_then(|text| text.parse().ok()).expect("a number of values"))
}

fn ask(peer: &ModSecurity, transformation: Transformation, values: Vec<Vec<u8>>) -> Vec<Answers> {
    let theirs = peer.ask(values.iter().map(|value| (transformation.name(), &**value)));
    let answers = values.into_iter().zip(theirs).map(|(value, theirs)| {
        let ours = transformation.apply(Cow::Borrowed(&value)).into_owned();
        Answers { value, ours, theirs: theirs.expect("a rule that always matches") }
    });
    answers.collect()
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/transformations.md")
}

fn render(differences: &Differences) -> String {
    let page = format!("{HEAD}{}", differences.render());
    // An empty answer leaves white space.
    page.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

const HEAD: &str = "# Transformations beside libmodsecurity's

Written by `UPDATE=1 PORTCULLIS_VALUES=20000 cargo test -p portcullis-tests --test transformations`: every transformation is given
random values made of what it looks for, and so is libmodsecurity 3.0.9 (Debian's `libmodsecurity3`). What differs is explained
below, a class a section; `tests/transformations/theirs.rs` foretells libmodsecurity's answer, but for one class that is told by
the value alone (`normalizePathWin`: backslash), where another difference could hide. `./x test` does the same with fewer values,
where the library is installed.

";
