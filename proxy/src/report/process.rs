//! What is told of the process, by the names that all programs use, and of the memory that it may take.

use std::fs;
use std::path::{Path, PathBuf};

use prometheus::{Counter, Gauge, IntGauge, IntGaugeVec, Opts, Registry};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Gauges of the process; looked at when they are asked for.
pub(super) struct Process {
    cpu: Counter,
    resident: IntGauge,
    open_files: IntGauge,
    open_files_max: IntGauge,
    /// Of no labels, so that it is not told where there is no limit.
    memory_limit: IntGaugeVec,
}

impl Process {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let started = Gauge::with_opts(Opts::new(
            "process_start_time_seconds",
            "When the process began (seconds since the Unix epoch)",
        ))?;
        started.set(jiff::Timestamp::now().as_duration().as_secs_f64());
        registry.register(Box::new(started))?;
        let version = IntGauge::with_opts(
            Opts::new("portcullis_build_info", "Which version this is")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        version.set(1);
        registry.register(Box::new(version))?;
        let cpu =
            Counter::with_opts(Opts::new("process_cpu_seconds_total", "Processor time used (seconds)"))?;
        registry.register(Box::new(cpu.clone()))?;
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::with_opts(Opts::new(name, help))?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let help =
            "Memory that the process may take, as its control group says; absent where there is no limit";
        let memory_limit =
            IntGaugeVec::new(Opts::new("memory_limit_bytes", help).namespace("portcullis"), &[])?;
        registry.register(Box::new(memory_limit.clone()))?;
        Ok(Self {
            cpu,
            resident: gauge("process_resident_memory_bytes", "Memory that is resident")?,
            open_files: gauge("process_open_fds", "Files and connections that are open")?,
            open_files_max: gauge("process_max_fds", "Files and connections that may be open")?,
            memory_limit,
        })
    }

    /// Looks at all of it.
    pub(super) fn look(&self) {
        let spent = clock_gettime(ClockId::ProcessCPUTime);
        self.cpu.reset();
        self.cpu.inc_by(spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9);
        self.resident.set(resident_bytes().unwrap_or(0));
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.open_files.set(i64::try_from(open).unwrap_or(i64::MAX));
        let most = getrlimit(Resource::Nofile).current;
        self.open_files_max.set(most.map_or(i64::MAX, number));
        self.memory_limit.reset();
        if let Some(limit) = memory_limit_bytes() {
            self.memory_limit.with_label_values::<&str>(&[]).set(number(limit));
        }
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

fn memory_limit_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit(&groups, |file| fs::read_to_string(file).ok())
}

/// The smallest limit of the control groups that the process is in, by `/proc/self/cgroup`: of version 2, or of version 1's `memory`. In a
/// container the group's own files may stand at the root.
fn limit(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let of = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        match controllers {
            "" => Some(("/sys/fs/cgroup", "memory.max", path.to_owned())),
            _ if controllers.split(',').any(|it| it == "memory") => {
                Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", path.to_owned()))
            }
            _ => None,
        }
    };
    let files = groups.lines().filter_map(of).flat_map(|(root, name, path)| files(root, &path, name));
    let limits = files.filter_map(|file| read(&file)?.trim().parse().ok());
    limits.filter(|limit| *limit < UNLIMITED_BYTES).min()
}

/// The file of a group and of all those that it is in.
fn files(root: &str, path: &str, name: &str) -> Vec<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    path.ancestors().map(|group| Path::new(root).join(group).join(name)).collect()
}

/// From here on a limit is none (bytes): version 1 writes the largest multiple of a page.
const UNLIMITED_BYTES: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_of_all_groups_counts() {
        for (groups, files, expected) in [
            ("0::/", &[("/sys/fs/cgroup/memory.max", "268435456\n")][..], Some(268_435_456)),
            ("0::/", &[("/sys/fs/cgroup/memory.max", "max\n")], None),
            ("0::/", &[], None),
            (
                "0::/a/b",
                &[("/sys/fs/cgroup/a/b/memory.max", "max\n"), ("/sys/fs/cgroup/a/memory.max", "7\n")],
                Some(7),
            ),
            (
                "0::/a/b",
                &[("/sys/fs/cgroup/a/b/memory.max", "5\n"), ("/sys/fs/cgroup/a/memory.max", "7\n")],
                Some(5),
            ),
            // A container that sees the host's path and its own files.
            ("0::/kubepods/pod1", &[("/sys/fs/cgroup/memory.max", "9\n")], Some(9)),
            (
                "4:cpu,memory:/x\n3:cpu:/y",
                &[("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "11\n")],
                Some(11),
            ),
            (
                "4:memory:/\n0::/",
                &[("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")],
                None,
            ),
            ("nonsense", &[("/sys/fs/cgroup/memory.max", "9\n")], None),
            ("", &[], None),
        ] {
            let read = |file: &Path| {
                let found = files.iter().find(|(name, _)| Path::new(name) == file)?;
                Some(found.1.to_owned())
            };
            assert_eq!(limit(groups, read), expected, "{groups} {files:?}");
        }
    }
}
