//! Whether the same request is judged the same, whichever way it comes: real requests, one after the other through every gateway, and
//! the decision records that come of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use portcullis_benches::corpus::Corpus;
use portcullis_benches::http::{read_answer, wire_form};
use portcullis_benches::interrupt::go_on;
use portcullis_benches::server::Server;
use serde_json::Value;

use super::front::{Front, Setup};

/// How each way in compares with the proxy.
#[derive(Default)]
pub(crate) struct Agreement {
    pub(crate) requests: usize,
    pub(crate) hostile: usize,
    pub(crate) ways: BTreeMap<Front, Compared>,
}

/// How one compares.
#[derive(Default)]
pub(crate) struct Compared {
    /// Verdict, scores, matches and what was not inspected are the same.
    pub(crate) alike: usize,
    /// Of the rest: the same verdict and scores.
    pub(crate) same_verdict: usize,
    /// What is not, by reason.
    pub(crate) reasons: BTreeMap<String, usize>,
}

/// What is compared of a record.
#[derive(Clone, Debug, PartialEq)]
struct Judged {
    verdict: String,
    scores: Value,
    matches: Vec<(u64, String, String)>,
    reasons: Vec<String>,
}

/// Sends so many requests, half of them hostile, by each way.
///
/// # Errors
/// When a gateway does not take connections.
pub(crate) fn ask(setup: &Setup, fronts: &[(Front, Server)], wanted: usize) -> Result<Agreement> {
    let mut ways = fronts
        .iter()
        .filter(|(front, _)| front.inspects() && !front.shows_answers())
        .map(|(front, server)| Ok((*front, Way::new(server.address, &setup.decisions(*front))?)))
        .collect::<Result<Vec<_>>>()?;
    let mut agreement = Agreement::default();
    for hostile in [false, true] {
        let corpus = Corpus::sample(hostile, wanted / 2);
        for (number, record) in corpus.records.iter().enumerate() {
            go_on()?;
            if number % 500 == 0 {
                eprintln!("attach: {number} of {} {} requests", corpus.records.len(), corpus.name);
            }
            let bytes = wire_form(record);
            let mut answers = BTreeMap::new();
            for (front, way) in &mut ways {
                answers.insert(*front, way.ask(&bytes, &record.request.method)?);
            }
            agreement.requests += 1;
            agreement.hostile += usize::from(hostile);
            agreement.compare(&answers);
        }
    }
    Ok(agreement)
}

impl Agreement {
    fn compare(&mut self, answers: &BTreeMap<Front, (u16, Option<Judged>)>) {
        let Some((ours, expected)) = answers.get(&Front::Proxy) else { return };
        for (front, (status, found)) in answers.iter().filter(|(front, _)| **front != Front::Proxy) {
            let compared = self.ways.entry(*front).or_default();
            let Some(reason) = difference((*ours, expected.as_ref()), (*status, found.as_ref())) else {
                compared.alike += 1;
                continue;
            };
            let is_same = expected.as_ref().zip(found.as_ref()).is_some_and(|(expected, found)| {
                expected.verdict == found.verdict && expected.scores == found.scores
            });
            compared.same_verdict += usize::from(is_same);
            *compared.reasons.entry(reason).or_default() += 1;
        }
    }
}

/// Why two are not alike; `None` when they are.
fn difference(
    (ours, expected): (u16, Option<&Judged>),
    (status, found): (u16, Option<&Judged>),
) -> Option<String> {
    let (expected, found) = match (expected, found) {
        (None, None) => return None,
        (_, None) => return Some(format!("the gateway answers {status} itself, without asking")),
        (None, Some(_)) => return Some(format!("the proxy answers {ours} itself, before it is judged")),
        (Some(expected), Some(found)) => (expected, found),
    };
    if expected == found {
        return None;
    }
    let only = |of: &Judged, other: &Judged| {
        of.reasons.iter().find(|reason| !other.reasons.contains(reason)).cloned()
    };
    if let Some(reason) = only(found, expected) {
        return Some(format!("`{reason}`"));
    }
    if let Some(reason) = only(expected, found) {
        return Some(format!("the proxy alone has `{reason}`"));
    }
    let rule =
        |of: &Judged, other: &Judged| of.matches.iter().find(|it| !other.matches.contains(it)).cloned();
    Some(match (rule(found, expected), rule(expected, found)) {
        (Some((rule, target, _)), _) => format!("rule {rule} on `{}`", collection(&target)),
        (None, Some((rule, target, _))) => format!("without rule {rule} on `{}`", collection(&target)),
        (None, None) => "the model's score".into(),
    })
}

fn collection(target: &str) -> &str {
    target.split(':').next().unwrap_or(target)
}

/// One way in, and the records that come of it.
struct Way {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    records: BufReader<File>,
    /// The beginning of a line whose end is not written yet.
    line: Vec<u8>,
}

impl Way {
    fn new(address: SocketAddr, decisions: &Path) -> Result<Self> {
        let file = File::open(decisions).with_context(|| format!("no {}", decisions.display()))?;
        Ok(Self { address, connection: None, records: BufReader::new(file), line: Vec::new() })
    }

    /// Asks once; the status, and what was judged: nothing where the gateway did not ask.
    fn ask(&mut self, bytes: &[u8], method: &[u8]) -> Result<(u16, Option<Judged>)> {
        // What others asked meanwhile, who have the same agent.
        while self.next_record()?.is_some() {}
        let status = match self.exchange(bytes, method) {
            Some(status) => status,
            // A connection that was kept may have ended meanwhile.
            None => self.exchange(bytes, method).unwrap_or(0),
        };
        let until = Instant::now() + RECORD_TIME;
        loop {
            if let Some(found) = self.next_record()? {
                return Ok((status, Some(found)));
            }
            if Instant::now() > until {
                return Ok((status, None));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn exchange(&mut self, bytes: &[u8], method: &[u8]) -> Option<u16> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address).ok()?;
                stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
                stream.set_nodelay(true).ok()?;
                BufReader::new(stream)
            }
        };
        connection.get_mut().write_all(bytes).ok()?;
        let answer = read_answer(&mut connection, method).ok()?;
        self.connection = answer.keep.then_some(connection);
        Some(answer.status)
    }

    fn next_record(&mut self) -> Result<Option<Judged>> {
        self.records.read_until(b'\n', &mut self.line)?;
        if !self.line.ends_with(b"\n") {
            return Ok(None);
        }
        let record: Value = serde_json::from_slice(&std::mem::take(&mut self.line))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let matched = |it: &Value| {
            (it["ruleId"].as_u64().unwrap_or_default(), text(&it["target"]), text(&it["matched"]))
        };
        Ok(Some(Judged {
            verdict: text(&record["verdict"]),
            scores: record["scores"].clone(),
            matches: list(&record["matches"]).iter().map(matched).collect(),
            reasons: list(&record["inspection"]["reasons"]).iter().map(text).collect(),
        }))
    }
}

/// Writes `agreement.md` into a directory.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(agreement: &Agreement, directory: &Path) -> Result<()> {
    let Agreement { requests, hostile, ways } = agreement;
    let mut text = format!(
        "# The same request, whichever way it comes\n\n\
         Written by `./x attach agree`: {requests} requests, {hostile} of them hostile, each through every gateway and through Portcullis as the proxy; \
         built-in rules, model, prevent mode. Alike means that the decision records say the same: verdict, both scores, every match with rule, field \
         and bytes, and what was not inspected.\n\n| through | alike | of the rest, verdict and scores are the same | what differs |\n|---|---|---|---|\n"
    );
    for (front, compared) in ways {
        let reasons: Vec<_> =
            compared.reasons.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
        let rest = requests - compared.alike;
        text.push_str(&format!(
            "| {} | {} | {} of {rest} | {} |\n",
            front.title(),
            compared.alike,
            compared.same_verdict,
            reasons.join("; ")
        ));
    }
    std::fs::create_dir_all(directory)?;
    let page: PathBuf = directory.join("agreement.md");
    std::fs::write(&page, &text).with_context(|| format!("cannot write {}", page.display()))?;
    println!("{text}");
    eprintln!("attach: written to {}", page.display());
    Ok(())
}

/// How long a record may be after its answer; longer than a server that is busy gathers them.
const RECORD_TIME: Duration = Duration::from_millis(250);
