//! Decision records as JSON lines, and audit records, written by a thread of their own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use engine::config::{DecisionLog, DecisionsOnly, DecisionsTo};
use engine::{AuditRecord, Evaluation, Outcome};

use super::audit::Audits;

/// The way to the thread that writes.
///
/// The channel is bounded: when the disk is slower than the traffic, records are dropped and counted, and
/// requests go on.
pub(crate) struct Decisions {
    only: DecisionsOnly,
    writes: bool,
    lines: SyncSender<Line>,
    /// Audit records that the thread could not write (count), until somebody asks.
    lost_audits: Arc<AtomicU64>,
}

enum Line {
    Audit(AuditRecord),
    Record(String),
    /// Open the file anew: it was rotated.
    Reopen,
    /// Say when everything before this was written.
    Flush(SyncSender<()>),
}

impl Decisions {
    /// Opens the destination and starts the thread. Audit records have destinations of their own.
    pub(crate) fn start(settings: &DecisionLog) -> io::Result<Self> {
        let to = match &settings.to {
            DecisionsTo::None => To::Nowhere,
            DecisionsTo::Stdout => To::Stdout,
            DecisionsTo::File(path) => {
                let path = Path::new(path);
                To::File { file: open(path)?, path: path.to_path_buf() }
            }
        };
        let writes = !matches!(to, To::Nowhere);
        let lost_audits = Arc::default();
        let lines = spawn(Sink::new(to), Arc::clone(&lost_audits))?;
        Ok(Self { only: settings.only, writes, lines, lost_audits })
    }

    /// Queues a record, if it is one of those that are written. `false` when the queue is full.
    pub(crate) fn write(&self, evaluation: &Evaluation, outcome: Outcome) -> bool {
        if !self.writes || !self.only.wants(evaluation) {
            return true;
        }
        let Ok(line) = serde_json::to_string(&evaluation.record(outcome)) else { return false };
        self.lines.try_send(Line::Record(line)).is_ok()
    }

    /// Queues an audit record. `false` when the queue is full.
    pub(super) fn audit(&self, record: AuditRecord) -> bool {
        self.lines.try_send(Line::Audit(record)).is_ok()
    }

    /// Audit records that could not be written since this was asked last (count).
    pub(super) fn take_lost_audits(&self) -> u64 {
        // Mostly there are none: a plain load leaves the cache line shared.
        match self.lost_audits.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.lost_audits.swap(0, Ordering::Relaxed),
        }
    }

    /// Opens the file anew once everything queued was written.
    pub(crate) fn reopen(&self) {
        if self.lines.try_send(Line::Reopen).is_err() {
            tracing::warn!("the decision log is too busy to be opened anew");
        }
    }

    /// Waits until everything queued was written.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.lines.send(Line::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH_MAX);
        }
    }
}

/// Where lines go. They are written whole: whoever follows the file never reads a part of one.
struct Sink {
    to: To,
    /// Whole lines that are not written yet.
    pending: Vec<u8>,
}

enum To {
    File { file: File, path: std::path::PathBuf },
    Nowhere,
    Stdout,
}

impl Sink {
    fn new(to: To) -> Self {
        Self { to, pending: Vec::new() }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
        if self.pending.len() < PENDING_BYTES_MAX { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = match &mut self.to {
            To::File { file, .. } => file.write_all(&self.pending),
            To::Nowhere => Ok(()),
            To::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&self.pending).and_then(|()| out.flush())
            }
        };
        // What could not be written is lost, or memory would grow for as long as the disk is full.
        self.pending.clear();
        written
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.flush()?;
        if let To::File { file, path } = &mut self.to {
            *file = open(path)?;
        }
        Ok(())
    }
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn spawn(mut sink: Sink, lost_audits: Arc<AtomicU64>) -> io::Result<SyncSender<Line>> {
    let (sender, lines) = sync_channel(QUEUE_LINES_MAX);
    std::thread::Builder::new()
        .name("decisions".into())
        .spawn(move || drain(&lines, &mut sink, Audits::new(lost_audits)))?;
    Ok(sender)
}

/// Writes until the last sender is gone; flushes whenever the queue runs empty.
///
/// Who sends to a thread that waits has to wake it, and what it wakes for is written alone. So lines of a busy
/// server are gathered for a while; the first after a pause is written at once.
fn drain(lines: &Receiver<Line>, sink: &mut Sink, mut audits: Audits) {
    let (mut failing, mut busy) = (false, false);
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                let _ = sink.flush();
                audits.flush();
                if std::mem::take(&mut busy) {
                    std::thread::sleep(GATHER);
                    continue;
                }
                match lines.recv() {
                    Ok(line) => line,
                    Err(_) => break,
                }
            }
        };
        busy = true;
        let written = match line {
            Line::Record(line) => sink.write(&line),
            Line::Audit(record) => {
                audits.write(&record);
                continue;
            }
            Line::Reopen => {
                audits.close();
                sink.reopen()
            }
            Line::Flush(done) => {
                audits.flush();
                sink.flush().inspect(|()| {
                    let _ = done.send(());
                })
            }
        };
        // Said once, until it works again: a full disk must not fill the log too.
        match written {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                tracing::error!(%error, "cannot write decision records");
                failing = true;
            }
            Err(_) => {}
        }
    }
    let _ = sink.flush();
    audits.flush();
}

/// How long lines are gathered before they are written, once there are some.
const GATHER: Duration = Duration::from_millis(5);
/// How long a stopping process waits for its records to be written.
const FLUSH_MAX: Duration = Duration::from_secs(2);
/// Lines that are gathered before they are written (bytes).
const PENDING_BYTES_MAX: usize = 64 << 10;
/// Records that wait to be written (count).
const QUEUE_LINES_MAX: usize = 8192;
