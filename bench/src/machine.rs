//! What every result says about where and when it was made.

use std::{
    fs,
    process::Command,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

/// CPU, cores and kernel.
#[must_use]
pub fn machine(kernel: &str) -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    json!({
        "cpu": cpu.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        "cores": thread::available_parallelism().map_or(1, usize::from),
        "kernel": kernel,
    })
}

/// The commit that the working tree was checked out from; null outside a repository.
#[must_use]
pub fn commit() -> Value {
    let output = Command::new("git")
        .args(["rev-parse", "--verify", "--quiet", "HEAD"])
        .output();
    output
        .ok()
        .filter(|output| output.status.success())
        .map_or(Value::Null, |output| {
            String::from_utf8_lossy(&output.stdout).trim().into()
        })
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// Today, UTC, as `YYYY-MM-DD`.
#[must_use]
pub fn date() -> String {
    civil(now() / 86_400)
}

/// Days since 1970 as a date, by counting in eras of 400 years that start on 1 March.
fn civil(days: u64) -> String {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

/// Largest memory that a process of this number had so far, in bytes.
#[must_use]
pub fn peak_rss(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), "1970-01-01");
        assert_eq!(civil(11_016), "2000-02-29");
        assert_eq!(civil(20_777), "2026-11-20");
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(peak_rss("self").is_some_and(|bytes| bytes > 1 << 20));
    }
}
