//! How much memory this machine has.

/// Three quarters of the machine's memory, in bytes; `None` if the system does not say.
pub(super) fn three_quarters() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    total(&text).map(|bytes| bytes / 4 * 3)
}

/// The line `MemTotal:  16315604 kB`.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_total_is_read_and_nothing_is_guessed() {
        let text = "MemFree:  1 kB\nMemTotal:       16315604 kB\n";
        assert_eq!(total(text), Some(16_315_604 * 1024));
        for text in [
            "",
            "MemTotal:",
            "MemTotal: many kB",
            "MemTotal: 12",
            "Total: 1 kB",
        ] {
            assert_eq!(total(text), None);
        }
    }
}
