//! What is said of a panic: where, and nothing else. Its text can quote what was being read, as that of
//! a slice that splits a character does.

use std::{io::Write as _, panic};

use crate::{language::Locale, say};

/// Replaces the standard report of panics, in every thread, by their place in the source.
pub fn report_place_only(locale: Locale) {
    panic::set_hook(Box::new(move |info| {
        let said = match info.location() {
            Some(place) => say!("panicked at {place}", place = place.to_string()),
            None => say!("panicked"),
        };
        let line = said.line(locale.language);
        // There is nothing to do about a closed pipe while the program ends.
        drop(std::io::stderr().lock().write_all(&locale.encode(&line)));
    }));
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const NAME: &str = "金糸雀";
    /// Set in the process that may panic: the report is changed for a whole process.
    const CHILD: &str = "MUSUBI_PANIC_CHILD";

    #[test]
    fn quote_a_name() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        report_place_only(Locale::default());
        let end = std::hint::black_box(NAME.len() - 1);
        assert!(panic::catch_unwind(|| NAME[..end].len()).is_err());
    }

    #[test]
    fn the_place_is_told_and_the_text_is_not() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--nocapture", "panic::tests::quote_a_name"])
            .env(CHILD, "1")
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        assert!(output.status.success());
        let seen = [output.stdout, output.stderr].concat();
        let seen = String::from_utf8_lossy(&seen);
        assert!(
            seen.contains("panicked at linker/agent/src/panic.rs:"),
            "{seen}"
        );
        assert!(!seen.contains('金'), "{seen}");
    }
}
