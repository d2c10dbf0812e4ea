//! Points at which a test stops a ceremony from outside, to end it there.
//!
//! Only a profile that says `test = true` can pause. The file that `CEREMONY_PAUSE_FILE` names holds a
//! number n: at the n-th point of this process the program says so and waits for its end.

use std::io::Write as _;

use keymgmt_custody::profile::Profile;

const VARIABLE: &str = "CEREMONY_PAUSE_FILE";

/// Where to stop, if anywhere.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    at: Option<usize>,
    passed: usize,
}

impl Pause {
    /// Reads the wish of a test.
    pub(crate) fn wished(profile: &Profile) -> Self {
        let file = std::env::var_os(VARIABLE).filter(|_| profile.is_test());
        let text = file.and_then(|file| std::fs::read_to_string(file).ok());
        let at = text.and_then(|text| text.trim().parse().ok());
        Self { at, passed: 0 }
    }

    /// One point.
    pub(crate) fn point(&mut self, name: &str) {
        self.passed += 1;
        if self.at != Some(self.passed) {
            return;
        }
        let told = std::io::stderr().write_all(format!("PAUSED {name}\n").as_bytes());
        // Whoever paused it ends the process from outside. With a closed error stream nobody knows that it
        // waits, so it goes on.
        while told.is_ok() {
            std::thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_wish_nothing_stops() {
        let mut pause = Pause::default();
        pause.point("here");
        assert_eq!(pause.passed, 1);
    }
}
