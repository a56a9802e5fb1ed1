//! Payloads, and requests that carry them in one of their own parameters.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use model::{Extractor, Model, Scratch};
use portcullis_benches::records;
use train::Corpus;
use train::corpus::each_view;
use train::random::Random;
pub(crate) use transaction::decode::percent::encode as encoded;
use transaction::{Record, pairs};

use crate::folds::{data_set, fold_of};

/// Collections of payloads in fields; the others are whole requests.
const COLLECTIONS: [&str; 6] =
    ["httpparams", "payloadsallthethings", "payloadbox", "libinjection", "fuzzdb", "modsec-learn-sqlmap"];
/// The longest payload that is used (bytes).
const PAYLOAD_BYTES_MAX: usize = 2_000;

/// Payloads of a part: of the WCP set, and of other collections.
#[derive(Default)]
pub(crate) struct Payloads {
    wcp: Vec<Vec<u8>>,
    others: Vec<Vec<u8>>,
}

impl Payloads {
    /// The payloads of `fold`.
    pub(crate) fn load(data: &Path, fold: u64, model: &Model) -> Result<Self> {
        let mut payloads = Self::default();
        let (mut corpus, mut scratch, mut extractor) =
            (Corpus::default(), Scratch::default(), Extractor::default());
        for name in ["wcp-malicious-dev", "attacks-extra-dev"] {
            for record in records(&data_set(data, name))? {
                let record = record?;
                let is_wcp = record.source == "wcp";
                if !is_wcp && !COLLECTIONS.contains(&record.source.as_str()) {
                    continue;
                }
                corpus.add(&record);
                if corpus.requests.last().is_none_or(|it| fold_of(it.group) != fold) {
                    continue;
                }
                let payload = payload(&record, model, &mut scratch, &mut extractor);
                let payload = payload.filter(|it| !it.is_empty() && it.len() <= PAYLOAD_BYTES_MAX);
                let list = if is_wcp { &mut payloads.wcp } else { &mut payloads.others };
                list.extend(payload);
            }
        }
        Ok(payloads)
    }

    /// One of them: three in five are of the WCP set.
    pub(crate) fn pick(&self, random: &mut Random) -> &[u8] {
        let list = if random.below(5) < 3 { &self.wcp } else { &self.others };
        random.pick(list).map_or(b"", Vec::as_slice)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.wcp.len() + self.others.len()
    }
}

/// The argument `p`, else the one that a view of is the strangest.
fn payload(
    record: &Record,
    model: &Model,
    scratch: &mut Scratch,
    extractor: &mut Extractor,
) -> Option<Vec<u8>> {
    let mut names: HashMap<Vec<u8>, f32> = HashMap::new();
    each_view(record, extractor, &mut |view: model::View<'_>| {
        if matches!(view.location, model::Location::Query | model::Location::Body) {
            let log_odds = model.log_odds(view, scratch);
            let best = names.entry(view.name.to_vec()).or_insert(f32::MIN);
            *best = best.max(log_odds);
        }
    });
    let name = if record.source == "wcp" {
        b"p".to_vec()
    } else {
        names.into_iter().max_by(|one, other| one.1.total_cmp(&other.1).then(other.0.cmp(&one.0)))?.0
    };
    let transaction = record.transaction(&transaction::Limits::default());
    let mut body = transaction::Fields::new();
    for pair in record.body.split(|byte| *byte == b'&') {
        let (name, value) = pair.split_at(pair.iter().position(|it| *it == b'=').unwrap_or(pair.len()));
        body.push(&decoded(name), &decoded(value.get(1..).unwrap_or_default()));
    }
    let found = transaction.query.iter().chain(body.iter()).find(|field| field.name == name);
    found.map(|field| field.value.to_vec())
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    transaction::decode::percent::decode_form(text, &mut out);
    out
}

/// A place in a request that can carry a payload.
enum Slot {
    Query(usize),
    Form(usize),
    Json(usize),
    Cookie(usize),
}

/// The request with `payload` as the value of one of its parameters; `None` when it has none.
pub(crate) fn placed(record: &Record, payload: &[u8], random: &mut Random) -> Option<Record> {
    let slot = pick_slot(record, random)?;
    let mut record = record.clone();
    match slot {
        Slot::Query(index) => {
            let mark = record.request.target.iter().position(|byte| *byte == b'?')?;
            let query = replaced(&record.request.target[mark + 1..], b'&', index, &encoded(payload));
            record.request.target.truncate(mark + 1);
            record.request.target.extend(query);
        }
        Slot::Form(index) => record.body = replaced(&record.body, b'&', index, &encoded(payload)),
        Slot::Json(index) => {
            let mut value: serde_json::Value = serde_json::from_slice(&record.body).ok()?;
            let mut left = index;
            replace_string(&mut value, &mut left, &String::from_utf8_lossy(payload));
            record.body = value.to_string().into_bytes();
        }
        Slot::Cookie(index) => {
            let cookies = record.request.headers.first(b"cookie")?.to_vec();
            let cookies = replaced(&cookies, b';', index, &encoded(payload));
            let headers = record.request.headers.iter();
            record.request.headers = headers
                .map(|it| {
                    let is_cookie = it.name.eq_ignore_ascii_case(b"cookie");
                    (it.name.to_vec(), if is_cookie { cookies.clone() } else { it.value.to_vec() })
                })
                .collect();
        }
    }
    Some(record)
}

/// Makes one of the places of a kind.
type MakeSlot = fn(usize) -> Slot;

/// One of the record's places; a cookie in one of eight requests, or if there is nothing else.
fn pick_slot(record: &Record, random: &mut Random) -> Option<Slot> {
    let target = &record.request.target;
    let query = target.iter().position(|byte| *byte == b'?').map_or(&b""[..], |at| &target[at + 1..]);
    let pairs = |text: &[u8], at: u8| text.split(|byte| *byte == at).filter(|it| it.contains(&b'=')).count();
    let content_type = record.request.headers.first(b"content-type").unwrap_or_default();
    let is_form = content_type.starts_with(b"application/x-www-form-urlencoded");
    let is_json = content_type.starts_with(b"application/json");
    let json = is_json.then(|| serde_json::from_slice::<serde_json::Value>(&record.body).ok()).flatten();
    let cookie = record.request.headers.first(b"cookie").unwrap_or_default();
    let mut slots: Vec<(MakeSlot, usize)> = vec![
        (Slot::Query, pairs(query, b'&')),
        (Slot::Form, if is_form { pairs(&record.body, b'&') } else { 0 }),
        (Slot::Json, json.as_ref().map_or(0, strings)),
    ];
    slots.retain(|(_, count)| *count > 0);
    if slots.is_empty() || random.below(8) == 0 {
        let count = pairs(cookie, b';');
        if count > 0 {
            slots = vec![(Slot::Cookie, count)];
        }
    }
    let (slot, count) = random.pick(&slots)?;
    Some(slot(random.below(*count)))
}

fn strings(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(_) => 1,
        serde_json::Value::Array(items) => items.iter().map(strings).sum(),
        serde_json::Value::Object(members) => members.values().map(strings).sum(),
        _ => 0,
    }
}

fn replace_string(value: &mut serde_json::Value, left: &mut usize, with: &str) {
    match value {
        serde_json::Value::String(text) => {
            if *left == 0 {
                *text = with.to_owned();
            }
            *left = left.wrapping_sub(1);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|it| replace_string(it, left, with)),
        serde_json::Value::Object(members) => {
            members.values_mut().for_each(|it| replace_string(it, left, with));
        }
        _ => {}
    }
}

/// `a=1&b=2` with the value of the `index`th pair replaced.
fn replaced(text: &[u8], separator: u8, index: usize, value: &[u8]) -> Vec<u8> {
    let mut left = index;
    let is_meant = |_: &[u8], has_value: bool| {
        let is_it = has_value && left == 0;
        left = left.saturating_sub(usize::from(has_value));
        is_it
    };
    pairs::replaced(text, separator, is_meant, value).unwrap_or_else(|| text.to_vec())
}
