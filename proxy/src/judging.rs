//! One transaction before the engine, by whatever front it comes: what is asked first, stage after stage, and what is
//! written of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::policy::Deadlines;
use engine::{Evaluation, Outcome, Plan, Refusal, Request, Step};
use transaction::{Connection, RequestHead, Shortfall, SyntaxError};

use crate::drain::Ticket;
use crate::inline::Hops;
use crate::report::{Stage, Took};
use crate::state::Running;
use crate::upstream::Pool;

/// One transaction before the engine.
pub(crate) struct Judging {
    /// Keeps the process from stopping before the request is done.
    _ticket: Ticket,
    /// The configuration the request began with.
    pub(crate) running: Arc<Running>,
    /// The transaction's id.
    pub(crate) id: String,
    /// What the policy wants.
    pub(crate) plan: Plan,
    /// Whether the request was judged to its end.
    pub(crate) judged: bool,
    /// What stopped the transaction.
    pub(crate) refusal: Option<Refusal>,
    /// What is wrong with the request, whatever it asks for.
    pub(crate) syntax_error: Option<SyntaxError>,
    /// The attachment that asked about it; `None` where it came by a listener.
    pub(crate) attachment: Option<&'static str>,
    /// The hops it came by.
    pub(crate) hops: Hops,
    /// How the client stands with rate limits, for answers of any status; `None` where these do not tell.
    rate_fields: Option<(String, String)>,
    /// Pingora shares contexts between threads, which an evaluation cannot be; nobody ever waits here.
    /// In a box, as what is here is moved several times a request.
    evaluation: Option<Box<Mutex<Evaluation>>>,
    started: Instant,
    spent: [Duration; Stage::COUNT],
    /// For lists in the DNS and stores of rate limits.
    waited: Duration,
    deadlines: Deadlines,
}

impl Judging {
    /// A transaction whose head is not known yet.
    pub(crate) fn new(ticket: Ticket, running: Arc<Running>, id: String) -> Self {
        Self {
            _ticket: ticket,
            running,
            id,
            plan: Plan::NOTHING,
            judged: false,
            refusal: None,
            syntax_error: None,
            attachment: None,
            hops: Hops::default(),
            rate_fields: None,
            evaluation: None,
            started: Instant::now(),
            spent: [Duration::ZERO; Stage::COUNT],
            waited: Duration::ZERO,
            deadlines: Deadlines::default(),
        }
    }

    /// Shows the head to the engine: asset and policy are selected, nothing is judged yet.
    pub(crate) fn begin(&mut self, connection: Connection, subject: Option<Arc<str>>, head: RequestHead) {
        let begun = Instant::now();
        let request = Request {
            id: self.id.clone(),
            started_us: jiff::Timestamp::now().as_microsecond(),
            connection,
            client_subject: subject,
            head,
            collections: Some(Arc::clone(&self.running.collections)),
        };
        let evaluation = Evaluation::begin(Arc::clone(&self.running.snapshot), request);
        self.spent[Stage::Parse as usize] += begun.elapsed();
        self.resume(evaluation);
    }

    /// Goes on with an evaluation that was begun.
    pub(crate) fn resume(&mut self, evaluation: Evaluation) {
        self.plan = evaluation.plan();
        self.deadlines = evaluation.policy().map_or_else(Deadlines::default, |policy| policy.deadlines);
        self.evaluation = Some(Box::new(Mutex::new(evaluation)));
    }

    /// The upstream that the asset names; `None` where none is selected.
    pub(crate) fn upstream(&mut self) -> Option<Arc<Pool>> {
        let evaluation = self.evaluation.as_mut()?.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.running.upstreams.get(evaluation.upstream()?).cloned()
    }

    /// Asks the lists in the DNS that rules will want to know of, and waits for their answers.
    pub(crate) async fn ask_lists(&mut self) {
        if self.running.lists.is_none() {
            return;
        }
        let Some(evaluation) = self.open().filter(|evaluation| !evaluation.zones().is_empty()) else {
            return;
        };
        let zones = evaluation.zones().to_vec();
        let client = evaluation.transaction().connection.client_address;
        let Some(lists) = self.running.lists.clone() else { return };
        let begun = Instant::now();
        let listings = lists.ask(client, &zones).await;
        self.waited += begun.elapsed();
        if let Some(evaluation) = self.open() {
            evaluation.answer_lists(listings);
        }
    }

    /// Counts the request by the rate limits that hold for it.
    pub(crate) async fn count_rates(&mut self) {
        let Some(asked) = self.open().map(|evaluation| evaluation.rate_limits()) else { return };
        if asked.is_empty() {
            return;
        }
        let counts = Arc::clone(&self.running.rates);
        let begun = Instant::now();
        let rates = counts.count(&asked).await;
        self.waited += begun.elapsed();
        let Some(evaluation) = self.open() else { return };
        evaluation.answer_rates(rates);
        if evaluation.tells_rates() {
            self.rate_fields = evaluation.rate_headers();
        }
    }

    /// The header fields that tell the client how it stands with rate limits: they go with every refusal of a request that
    /// was one too many, and with other answers if the policy says so.
    pub(crate) fn rate_fields(&mut self) -> Option<(String, String)> {
        let is_limited = matches!(self.refusal, Some(Refusal::TooMany { .. }));
        self.rate_fields.clone().or_else(|| self.open().filter(|_| is_limited)?.rate_headers())
    }

    /// Phase 1. `false` when the transaction is refused.
    pub(crate) fn judge_head(&mut self) -> bool {
        let clean = self.judge(Stage::RequestHeaders, Evaluation::request_headers);
        if let Some(plan) = self.open().map(|evaluation| evaluation.plan()) {
            self.plan = plan;
        }
        clean
    }

    /// The request is complete. `false` when the transaction is refused.
    pub(crate) fn judge_end(&mut self) -> bool {
        if self.judged {
            return self.refusal.is_none();
        }
        self.judged = true;
        self.judge(Stage::RequestEnd, Evaluation::request_end)
    }

    /// Notes what could not be inspected.
    pub(crate) fn note(&mut self, reason: Shortfall) {
        if let Some(evaluation) = self.open() {
            evaluation.note(reason);
        }
    }

    /// The policy's own block page, with the transaction's id in its place.
    pub(crate) fn own_page(&mut self) -> Option<String> {
        let page = self.open()?.policy()?.response.page.clone()?;
        Some(page.replace("{{id}}", &self.id))
    }

    /// Closes the evaluation and hands its record to the reports; the second time there is nothing to do.
    pub(crate) fn finish(&mut self, status: u16) {
        let Some(mut held) = self.evaluation.take() else { return };
        if let Some(error) = self.syntax_error {
            self.running.reports.metrics().malformed(error.as_str());
        }
        let inspect: Duration = self.spent.iter().sum();
        let total = self.started.elapsed();
        let took = Took { added: self.plan.inspects.then(|| inspect + self.waited), total };
        let outcome = Outcome {
            status,
            total_us: micros(total),
            inspect_us: micros(inspect),
            syntax_error: self.syntax_error,
            hops: self.hops.record(),
            attachment: self.attachment,
        };
        let evaluation = held.get_mut().unwrap_or_else(PoisonError::into_inner);
        evaluation.close();
        self.running.reports.audit(evaluation.audit(&outcome));
        let is_probe = self.running.reports.record(evaluation, outcome, &self.spent, took);
        // A site learns from its visitors, not from those who look after it.
        if let Some(lessons) = self.running.lessons.as_ref().filter(|_| !is_probe) {
            let evaluation = held.into_inner().unwrap_or_else(PoisonError::into_inner);
            evaluation.into_lesson(status).into_iter().for_each(|lesson| lessons.offer(&self.id, lesson));
        }
    }

    /// The evaluation, as long as it is not finished.
    pub(crate) fn open(&mut self) -> Option<&mut Evaluation> {
        let evaluation = self.evaluation.as_mut()?;
        Some(evaluation.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// One stage. `false` when the transaction is refused.
    pub(crate) fn judge(&mut self, stage: Stage, inspect: impl FnOnce(&mut Evaluation) -> Step) -> bool {
        if self.refusal.is_some() {
            return false;
        }
        let begun = Instant::now();
        let (inspects, is_late) = (self.plan.inspects, self.is_late(stage));
        let Some(evaluation) = self.open().filter(|_| inspects) else { return true };
        let step = if is_late { evaluation.give_up() } else { inspect(evaluation) };
        self.spent[stage as usize] += begun.elapsed();
        if let Step::Refuse(refusal) = step {
            self.refusal = Some(refusal);
        }
        self.refusal.is_none()
    }

    /// Whether what was inspected by now took longer than the policy gives it, so that nothing more is.
    fn is_late(&self, stage: Stage) -> bool {
        let Deadlines { request_headers, request_body, response } = self.deadlines;
        let is_over = |deadline: Option<Duration>, stages: &[Stage]| {
            deadline.is_some_and(|most| {
                stages.iter().map(|stage| self.spent[*stage as usize]).sum::<Duration>() > most
            })
        };
        match stage {
            Stage::Parse | Stage::RequestHeaders | Stage::RequestBody | Stage::RequestEnd => {
                is_over(request_headers, &[Stage::Parse, Stage::RequestHeaders])
                    || is_over(request_body, &[Stage::RequestBody, Stage::RequestEnd])
            }
            Stage::ResponseHeaders | Stage::ResponseBody | Stage::ResponseEnd => {
                is_over(response, &[Stage::ResponseHeaders, Stage::ResponseBody, Stage::ResponseEnd])
            }
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
