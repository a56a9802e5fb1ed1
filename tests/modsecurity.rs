//! libmodsecurity, asked by a small C program, `peers/modsecurity.c`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The release that suites compare with: what differs is listed for it.
const VERSION: &str = "ModSecurity v3.0.9 ";

/// The program, built.
#[derive(Debug)]
pub struct ModSecurity {
    directory: TempDir,
    /// What stands before every rule.
    directives: String,
}

impl ModSecurity {
    /// Builds the program; none, said on stdout, without a C compiler or the library in the release that is compared with.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn build() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/modsecurity.c");
        let output = Command::new("cc")
            .args(["-O2", "-o"])
            .args([&directory.path().join(PROGRAM), &source])
            .arg("-lmodsecurity")
            .output();
        if !output.is_ok_and(|output| output.status.success()) {
            println!("left out: no C compiler or no libmodsecurity (Debian: libmodsecurity-dev)");
            return None;
        }
        let peer = Self { directory, directives: String::new() };
        let (version, _) = peer.run("");
        if !version.starts_with(VERSION) {
            println!("left out: {version} is not {VERSION}");
            return None;
        }
        Some(peer)
    }

    /// The same with directives before every rule.
    #[must_use]
    pub fn with_directives(self, directives: impl Into<String>) -> Self {
        Self { directives: directives.into(), ..self }
    }

    /// What it answers to (what, value), see the program; none for no match.
    ///
    /// # Panics
    /// When the program does not run, or does not take a question.
    #[must_use]
    pub fn ask<'q>(&self, questions: impl IntoIterator<Item = (&'q str, &'q [u8])>) -> Vec<Option<Vec<u8>>> {
        let mut text = String::new();
        let mut count = 0;
        for (what, value) in questions {
            // Writing into memory cannot fail.
            let _ = writeln!(text, "{what} {}", encode(value));
            count += 1;
        }
        let (_, answers) = self.run(&text);
        let answers: Vec<_> = answers.lines().map(|answer| (answer != "-").then(|| decode(answer))).collect();
        assert_eq!(answers.len(), count, "an answer to each question");
        answers
    }

    /// The first line of the program's output, and the others.
    fn run(&self, questions: &str) -> (String, String) {
        let file = self.directory.path().join(format!("questions-{:?}", std::thread::current().id()));
        fs::write(&file, questions).expect("room for the questions");
        let output = Command::new(self.directory.path().join(PROGRAM))
            .arg(&self.directives)
            .stdin(File::open(&file).expect("the questions"))
            .output()
            .expect("a program that runs");
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let (version, answers) = text.split_once('\n').expect("a version");
        (version.to_owned(), answers.to_owned())
    }
}

const PROGRAM: &str = "modsecurity";

fn encode(value: &[u8]) -> String {
    value.iter().fold(String::with_capacity(value.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn decode(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("no answer: {text}"))).collect()
}
