//! The page and its table.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use portcullis_benches::figures::{median, time};
use portcullis_benches::machine::{Machine, nginx_version};

use super::client::Message;
use super::front::Front;
use super::{CLIENTS, Load, RATE};

/// A figure a round, in microseconds.
#[derive(Default)]
pub(crate) struct Samples {
    pub(crate) half: Vec<f64>,
    pub(crate) most: Vec<f64>,
    /// Processor time of a request.
    pub(crate) cpu: Vec<f64>,
}

/// All that the page says.
pub(crate) struct Page<'p> {
    pub(crate) machine: Machine,
    pub(crate) fronts: Vec<Front>,
    pub(crate) samples: &'p BTreeMap<(Load, Message, Front), Samples>,
    pub(crate) rounds: usize,
    pub(crate) took: Duration,
    /// Processors that others used, on average.
    pub(crate) others: f64,
    pub(crate) note: Option<&'p str>,
}

impl Page<'_> {
    /// Writes `cost.md` into a directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        let (page, text) = (directory.join("cost.md"), self.text());
        std::fs::write(&page, &text).with_context(|| format!("cannot write {}", page.display()))?;
        println!("{text}");
        eprintln!("attach: written to {}", page.display());
        Ok(())
    }

    fn text(&self) -> String {
        let (machine, minutes) = (&self.machine, self.took.as_secs_f64() / 60.0);
        let mut text = format!(
            "# What attachments add\n\n\
             Written by `./x attach` in {minutes:.0} minutes: {} rounds, every answer checked. {machine}, shared by all parts. {}. \
             Other work took {:.1} processors meanwhile.{}\n\n\
             Two kinds of load: {CLIENTS} clients that send {RATE} requests a second in all, between which processors fall asleep and caches go cold; and one \
             client that asks again as soon as it is answered. For a page of 11 KB as browsers ask for it, and a form of 1 KB; built-in rules, model, \
             prevent mode; answers are inspected where that is said. All gateways run side by side before one application, one agent has all attachments, and they are asked in turns. \
             \"Adds\" is beside the same gateway without one. Medians of the rounds; processor time is of gateway and agent.\n",
            self.rounds,
            nginx_version(),
            self.others.max(0.0),
            self.note.map(|note| format!(" {note}")).unwrap_or_default(),
        );
        let titles = [(Message::Page, "A page"), (Message::Form, "A form of 1 KB")];
        let loads = [
            (Load::Ceaseless, "one client without a pause".to_owned()),
            (Load::Paced, format!("{RATE} requests a second")),
        ];
        let all = titles.iter().flat_map(|title| loads.iter().map(move |load| (title, load)));
        for ((message, title), (load, how)) in all {
            text.push_str(&format!(
                "\n## {title}, {how}\n\n\
                 | | answered after (50th / 99th percentile) | adds | processor time a request | adds |\n|---|---|---|---|---|\n"
            ));
            self.fronts.iter().for_each(|front| text.push_str(&self.row(*load, *message, *front)));
        }
        text
    }

    fn row(&self, load: Load, message: Message, front: Front) -> String {
        let of = |front| self.samples.get(&(load, message, front));
        let figure = |figures: Option<&Vec<f64>>| figures.and_then(|figures| median(figures));
        let [half, most, cpu] = [
            figure(of(front).map(|it| &it.half)),
            figure(of(front).map(|it| &it.most)),
            figure(of(front).map(|it| &it.cpu)),
        ];
        let base = front.without().and_then(of);
        let adds = |mine: Option<f64>, of_base: fn(&Samples) -> &Vec<f64>| {
            let Some(base) = base else { return String::new() };
            shown(mine.zip(figure(Some(of_base(base)))).map(|(mine, base)| mine - base), signed)
        };
        format!(
            "| {} | {} / {} | {} | {} | {} |\n",
            front.title(),
            shown(half, time),
            shown(most, time),
            adds(half, |it| &it.half),
            shown(cpu, time),
            adds(cpu, |it| &it.cpu)
        )
    }
}

/// What was not measured in any round is not known, and not nothing.
fn shown(micros: Option<f64>, write: impl Fn(f64) -> String) -> String {
    micros.map_or_else(|| "not known".to_owned(), write)
}

fn signed(micros: f64) -> String {
    if micros < 0.0 { format!("-{}", time(-micros)) } else { time(micros) }
}
