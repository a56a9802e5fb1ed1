//! Attacks alone, inside real requests, and within ordinary text of any length.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use model::View;
use serde_json::json;
use train::corpus::each_view;
use train::random::{Random, fingerprint};
use transaction::Record;

use crate::attacks::{Payloads, placed};
use crate::folds::{FOLDS, fold_of};
use crate::judge::Judge;
use crate::mistakes::Mistakes;
use crate::tally::Tally;
use crate::traffic::sites;

/// Bytes of ordinary text around an attack.
const PADDINGS: [usize; 4] = [200, 1_000, 10_000, 100_000];
/// Ordinary values that padding is made of (bytes).
const PIECES: std::ops::Range<usize> = 8..400;

/// Judges so many attacks of each part in every way, with the model that saw neither them nor the site, within so much
/// text at most.
pub(crate) fn measure(
    data: &Path,
    directory: &Path,
    attacks: usize,
    longest: usize,
    mistakes: Option<&Path>,
) -> Result<()> {
    let mut mistakes = Mistakes::create(mistakes)?;
    let sites = sites(data)?;
    let mut rows: BTreeMap<(usize, String), Tally> = BTreeMap::new();
    for fold in 0..FOLDS {
        let mut judge = Judge::without(directory, fold)?;
        let payloads = Payloads::load(data, fold, &judge.model)?;
        let of_fold = sites.iter().filter(|(site, _)| fold_of(fingerprint(site.as_bytes())) == fold);
        let records: Vec<&Record> = of_fold.flat_map(|(_, records)| records).collect();
        let text = judge.ordinary_text(&records);
        let mut random = Random::new(fingerprint(b"context") ^ fold);
        let mut done = 0;
        while done < attacks {
            let payload = payloads.pick(&mut random);
            let Some(record) = random.pick(&records) else { break };
            let Some(inside) = placed(record, payload, &mut random) else { continue };
            done += 1;
            let mut stopped_alone = true;
            let mut count = |order: usize, title: String, record: &Record| {
                let judged = judge.judge(record, None);
                if order == 0 {
                    stopped_alone = judged.decision.blocked;
                }
                if stopped_alone && !judged.decision.blocked {
                    let payload = String::from_utf8_lossy(payload);
                    mistakes
                        .tell(|| json!({ "row": title, "payload": payload, "decision": judged.decision }));
                }
                rows.entry((order, title)).or_default().add(&judged);
            };
            count(0, "alone, as the only argument".to_owned(), &alone(payload));
            count(1, "in a parameter of a real request".to_owned(), &inside);
            for (index, bytes) in PADDINGS.into_iter().filter(|it| *it <= longest).enumerate() {
                let padded = padded(payload, bytes, &text, &mut random);
                if let Some(inside) = placed(record, &padded, &mut random) {
                    let title = format!("the same within {bytes} bytes of ordinary text");
                    count(2 + index, title, &inside);
                }
            }
        }
    }
    println!("{}", Tally::heading());
    rows.iter().for_each(|((_, title), tally)| println!("{title:50} {tally}"));
    Ok(mistakes.finish()?)
}

fn alone(payload: &[u8]) -> Record {
    let mut record = Record::default();
    record.request.target = b"/?p=".to_vec();
    record.request.target.extend(crate::attacks::encoded(payload));
    record
}

/// The payload between ordinary values, somewhere in them.
fn padded(payload: &[u8], bytes: usize, text: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let before = random.below(bytes + 1);
    let mut out = Vec::new();
    let fill = |out: &mut Vec<u8>, until: usize, random: &mut Random| {
        while out.len() < until {
            let Some(piece) = random.pick(text) else { break };
            out.extend_from_slice(piece);
            out.push(b' ');
        }
    };
    fill(&mut out, before, random);
    out.extend_from_slice(payload);
    out.push(b' ');
    fill(&mut out, bytes + payload.len(), random);
    out
}

impl Judge {
    /// Values of the part's sites that the model finds nothing in: what padding finds must not count as found.
    fn ordinary_text(&mut self, records: &[&Record]) -> Vec<Vec<u8>> {
        let mut text = Vec::new();
        let medium = self.model.artifact().header.thresholds.medium;
        for record in records.iter().step_by(20) {
            each_view(record, &mut self.extractor, &mut |view: View<'_>| {
                let is_text = PIECES.contains(&view.value.len()) && !view.location.is_envelope();
                if is_text && self.model.log_odds(view, &mut self.scratch) < medium {
                    text.push(view.value.to_vec());
                }
            });
        }
        text
    }
}
