//! What people see: lines on standard error, with the time since the start. Standard output is for data.

use std::{
    io::{self, Write as _},
    time::Instant,
};

/// Writes one line to standard error. Nothing is done about a closed one.
pub fn say(line: &str) {
    let _closed = writeln!(io::stderr().lock(), "{line}");
}

/// Writes one line to standard output.
///
/// # Errors
/// The operating system's, such as a closed pipe.
pub fn data(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Names the steps of a longer job and how long each took.
#[derive(Debug)]
pub struct Story {
    start: Instant,
    step: Instant,
    seconds: Vec<(&'static str, f64)>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            step: Instant::now(),
            seconds: Vec::new(),
        }
    }
}

impl Story {
    /// Says a line of the present step.
    pub fn say(&self, line: &str) {
        say(&format!(
            "{:6.1} s  {line}",
            self.start.elapsed().as_secs_f64()
        ));
    }

    /// Ends a step and starts the next.
    pub fn done(&mut self, step: &'static str) {
        self.seconds.push((step, self.step.elapsed().as_secs_f64()));
        self.step = Instant::now();
    }

    /// Steps with their seconds, in order.
    #[must_use]
    pub fn seconds(&self) -> &[(&'static str, f64)] {
        &self.seconds
    }

    /// Seconds since the start.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

/// A count with separators, for tables.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!(
            [grouped(7), grouped(1234), grouped(1_000_000)],
            ["7", "1,234", "1,000,000"]
        );
    }
}
