//! What people see while the agent works: bars on a terminal, plain lines in a pipe. All on stderr,
//! so that standard output stays for data.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kdam::{Bar, BarExt as _};

use crate::{
    language::{CodeSet, Locale},
    say::Say,
};

/// Where progress goes.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Bars on a terminal.
    Bars(Bars, Locale),
    /// One line per event.
    Lines(Locale),
    /// Nowhere, for tests.
    Silent,
}

/// The bars on the screen: a line each, empty when its task is over.
#[derive(Debug, Clone, Default)]
pub struct Bars(Arc<Mutex<Vec<Option<Bar>>>>);

impl Bars {
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Bar>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Bars if standard error is a terminal, lines otherwise. The library of bars writes UTF-8 only.
    #[must_use]
    pub fn detect(locale: Locale) -> Self {
        if std::io::stderr().is_terminal() && locale.code_set == CodeSet::Utf8 {
            Self::Bars(Bars::default(), locale)
        } else {
            Self::Lines(locale)
        }
    }

    /// The locale in which it is told.
    #[must_use]
    pub fn locale(&self) -> Locale {
        match self {
            Self::Bars(_, locale) | Self::Lines(locale) => *locale,
            Self::Silent => Locale::default(),
        }
    }

    /// One event.
    pub fn say(&self, what: &Say) {
        self.say_text(&what.to(self.locale().language));
    }

    /// Text that is in the language already.
    pub fn say_text(&self, text: &str) {
        let line = |locale: &Locale| locale.encode(&format!("{text}\n")).into_owned();
        match self {
            // Neither a closed terminal nor a closed pipe may stop the work.
            Self::Bars(bars, locale) => match bars.lock().iter_mut().flatten().next() {
                Some(bar) => drop(bar.write(text)),
                None => drop(std::io::stderr().lock().write_all(&line(locale))),
            },
            Self::Lines(locale) => drop(std::io::stderr().lock().write_all(&line(locale))),
            Self::Silent => (),
        }
    }

    /// Starts a piece of work whose size may be known.
    #[must_use]
    pub fn task(&self, name: &Say, total: Option<u64>) -> Task {
        let Self::Bars(bars, locale) = self else {
            return Task { bar: None };
        };
        let mut lines = bars.lock();
        let line = lines
            .iter()
            .position(Option::is_none)
            .unwrap_or(lines.len());
        let mut bar = Bar::new(total.and_then(|total| total.try_into().ok()).unwrap_or(0));
        bar.set_description(name.to(locale.language));
        bar.position = u16::try_from(line).unwrap_or(0);
        bar.leave = false;
        bar.unit_scale = true;
        if line == lines.len() {
            lines.push(Some(bar));
        } else {
            lines[line] = Some(bar);
        }
        Task {
            bar: Some((bars.clone(), line)),
        }
    }
}

/// A piece of work under way. Its bar goes when it is dropped.
#[derive(Debug)]
pub struct Task {
    bar: Option<(Bars, usize)>,
}

impl Task {
    /// So many more are done.
    pub fn add(&self, count: u64) {
        if let Some((bars, line)) = &self.bar
            && let Some(bar) = &mut bars.lock()[*line]
        {
            // A screen that cannot be written to must not stop the work.
            drop(bar.update(usize::try_from(count).unwrap_or(usize::MAX)));
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some((bars, line)) = &self.bar
            && let Some(mut bar) = bars.lock()[*line].take()
        {
            drop(bar.clear());
        }
    }
}
