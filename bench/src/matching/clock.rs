//! When the parts of a run began, and a bar for whoever waits.

use std::{
    io::IsTerminal as _,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::Seconds;

/// Times parts of a run that follow each other.
pub(super) struct Clock {
    start: Instant,
    bar: ProgressBar,
    parts: Mutex<Vec<(&'static str, Instant)>>,
}

impl Clock {
    pub(super) fn start() -> Self {
        let bar = ProgressBar::no_length();
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{elapsed:>6} {msg:<8} {wide_bar} {percent:>3} %");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            start: Instant::now(),
            bar,
            parts: Mutex::default(),
        }
    }

    /// A part begins, and the one before it ends. The same part twice in a row is one.
    pub(super) fn part(&self, name: &'static str, total: u64) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.last().is_none_or(|(last, _)| *last != name) {
            parts.push((name, Instant::now()));
            self.bar.set_message(name);
        }
        self.bar.set_length(total);
        self.bar.set_position(0);
    }

    /// The present part has come so far.
    pub(super) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// The present part has come this much further.
    pub(super) fn more(&self, done: u64) {
        self.bar.inc(done);
    }

    /// The part of this name has come so far, if it is the present one.
    pub(super) fn at_part(&self, name: &str, done: u64) {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.last().is_some_and(|(last, _)| *last == name) {
            self.bar.set_position(done);
        }
    }

    /// Ends the last part: seconds of each, in order, those of one name together.
    pub(super) fn stop(&self) -> Seconds {
        let end = Instant::now();
        self.bar.finish_and_clear();
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seconds = Seconds::default();
        let ends = parts.iter().skip(1).map(|(_, start)| *start).chain([end]);
        for ((name, start), end) in parts.iter().zip(ends) {
            seconds.add(name, (end - *start).as_secs_f64());
        }
        seconds.total = (end - self.start).as_secs_f64();
        seconds
    }
}
