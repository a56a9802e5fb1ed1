//! What the kernel says that a process and its children spent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// A process and all its descendants, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// Time on a processor (nanoseconds) of each thread that there is: `/proc/PID/task/*/schedstat`.
    threads: BTreeMap<u32, u64>,
}

impl Spent {
    /// What a process tree has spent so far.
    ///
    /// # Errors
    /// When it has ended.
    pub fn of(process: u32) -> Result<Self> {
        let mut spent = Self::default();
        for id in tree(process) {
            for entry in fs::read_dir(format!("/proc/{id}/task")).context("the process has ended")? {
                let path = entry?.path();
                let thread =
                    path.file_name().and_then(|name| name.to_str()?.parse().ok()).context("a thread")?;
                // A thread may end between the two; that is found out in `since`.
                if let Some(nanos) = first_word(&path.join("schedstat")) {
                    spent.threads.insert(thread, nanos);
                }
            }
        }
        Ok(spent)
    }

    /// What was spent since an earlier moment; `None` when a thread has ended in between, because what it spent is not known.
    pub fn since(&self, before: &Self) -> Option<Duration> {
        if before.threads.keys().any(|thread| !self.threads.contains_key(thread)) {
            return None;
        }
        let earlier = |thread: &u32| before.threads.get(thread).copied().unwrap_or(0);
        let nanos = self.threads.iter().map(|(thread, nanos)| nanos.saturating_sub(earlier(thread))).sum();
        Some(Duration::from_nanos(nanos))
    }
}

/// Processor time of a process tree since it began, to a hundredth of a second; threads that have ended are in it.
///
/// # Errors
/// When it has ended.
pub fn consumed(process: u32) -> Result<Duration> {
    let times = tree(process).into_iter().map(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("the process has ended")?;
        Ok(times_of(&stat)?.iter().take(2).sum::<f64>())
    });
    Ok(Duration::from_secs_f64(times.sum::<Result<f64>>()?))
}

/// utime, stime, cutime and cstime (seconds) of a line of `/proc/PID/stat`.
fn times_of(stat: &str) -> Result<Vec<f64>> {
    // The name in parentheses may hold anything; these are the 12th to 15th word behind it.
    let (_, words) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks = words.split_whitespace().skip(11).take(4).map(str::parse::<f64>);
    Ok(ticks.map(|ticks| ticks.map(|ticks| ticks / TICKS_PER_SECOND)).collect::<Result<_, _>>()?)
}

/// Memory of a process tree (bytes): all that is resident of its largest process, and what each of the
/// others has for itself.
///
/// # Errors
/// When it has ended.
pub fn resident(process: u32) -> Result<u64> {
    let mut sizes = Vec::new();
    for id in tree(process) {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).context("the process has ended")?;
        let value = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
        };
        sizes.push((value("Rss:"), value("Private_Clean:") + value("Private_Dirty:")));
    }
    let largest = sizes.iter().max_by_key(|(all, _)| *all).copied().context("no process")?;
    let own: u64 = sizes.iter().map(|(_, own)| own).sum();
    Ok((largest.0 + own - largest.1) << 10)
}

/// A process and its descendants.
fn tree(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut at = 0;
    while let Some(id) = found.get(at) {
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        at += 1;
    }
    found
}

fn first_word(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}

/// Processor time (seconds) of the whole machine that was used, and that of this process with all its children that
/// have ended: what others used is the difference.
///
/// # Errors
/// When the kernel does not say.
pub fn machine_and_own() -> Result<(f64, f64)> {
    let numbers =
        |line: &str| -> Vec<f64> { line.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
    let machine = fs::read_to_string("/proc/stat")?;
    // user, nice, system, idle, iowait, irq, softirq.
    let all =
        numbers(machine.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("no cpu line")?);
    let busy: f64 = all.iter().take(3).chain(all.iter().skip(5).take(2)).sum();
    let own = times_of(&fs::read_to_string("/proc/self/stat")?)?.iter().sum();
    Ok((busy / TICKS_PER_SECOND, own))
}

/// `USER_HZ`, which Linux has fixed for user space.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 300 20 0";
        assert_eq!(times_of(stat).ok(), Some(vec![1.5, 0.5, 3.0, 0.2]));
        assert!(times_of("7").is_err());
    }

    #[test]
    fn knows_when_a_thread_has_ended() {
        let spent = |threads: &[(u32, u64)]| Spent { threads: threads.iter().copied().collect() };
        let before = spent(&[(1, 100), (2, 50)]);
        for (after, expected) in [
            (&[(1, 300), (2, 50)][..], Some(200)),
            (&[(1, 300), (2, 60), (3, 7)], Some(217)),
            (&[(1, 300)], None),
        ] {
            assert_eq!(spent(after).since(&before), expected.map(Duration::from_nanos));
        }
    }

    #[test]
    fn reads_of_this_process() {
        let own = std::process::id();
        assert!(Spent::of(own).is_ok_and(|spent| !spent.threads.is_empty()));
        assert!(resident(own).is_ok_and(|bytes| bytes > 1 << 20));
    }
}
