//! What the machine itself does meanwhile, from `/proc`. Elsewhere than on Linux there is nothing to say.

use std::fs::read_to_string;

/// The processors' time so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    total: u64,
    stolen: u64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        let stat = read_to_string("/proc/stat").unwrap_or_default();
        let first = stat.lines().next().unwrap_or_default();
        let numbers: Vec<u64> = first
            .split_whitespace()
            .skip(1)
            .take(8)
            .map(|number| number.parse().unwrap_or_default())
            .collect();
        Self {
            total: numbers.iter().sum(),
            stolen: numbers.get(7).copied().unwrap_or_default(),
        }
    }

    /// The part of the time since `self` that somebody else's machine had, in percent.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn stolen_since(self) -> f64 {
        let now = Self::now();
        let total = now.total.saturating_sub(self.total).max(1);
        100.0 * now.stolen.saturating_sub(self.stolen) as f64 / total as f64
    }
}

/// A process' memory in MB by the name of a line of `/proc/<pid>/status`: `VmRSS` now, `VmHWM` at most.
pub(crate) fn memory(pid: u32, line: &str) -> Option<f64> {
    let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes: f64 = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()?;
    Some(kilobytes / 1024.0)
}

/// What is measured on.
pub(crate) fn name() -> String {
    let cpu = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} × {model}")
}
