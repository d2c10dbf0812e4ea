//! Entries of the audit log: one line of JSON with a fixed order of keys and no identifiers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use appliance_store::Store;

use crate::clock::{Clock, utc};

/// Name of the count that says by how many seconds the clock stood behind the entry before.
const BEHIND: &str = "clock-behind-s";

/// Where entries get their time: when they are written, and never below that of the entry before.
#[derive(Debug, Clone)]
pub struct Stamp {
    clock: Clock,
    newest: Arc<AtomicU64>,
}

impl Stamp {
    /// A stamp that goes on after an entry of the time `newest`.
    #[must_use]
    pub fn new(clock: Clock, newest: u64) -> Self {
        Self {
            clock,
            newest: Arc::new(AtomicU64::new(newest)),
        }
    }

    /// The time of an entry that is written now, and how far the clock stands behind it. The store writes
    /// one entry at a time, so they come in this order.
    fn take(&self) -> (u64, u64) {
        let now = self.clock.now();
        let newest = self.newest.fetch_max(now, Ordering::AcqRel).max(now);
        (newest, newest - now)
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.newest, &other.newest)
    }
}

impl Eq for Stamp {}

/// The time of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Time {
    /// Seconds since 1970.
    At(u64),
    /// That of its writing.
    Written(Stamp),
}

/// What happened, to be written with the state change it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub time: Time,
    /// Who: the URI of a certificate, or `appliance`.
    pub actor: String,
    /// Which operation.
    pub operation: &'static str,
    /// On what: a batch, run or release ID.
    pub subject: String,
    /// How much.
    pub counts: BTreeMap<String, u64>,
    /// Checked names and digests that belong to it, never a record's; left out where there are none.
    pub details: BTreeMap<&'static str, String>,
    /// The entry that announced this one, if one did.
    pub intent: Option<u64>,
    /// `ok`, `intent`, a state, or a reason code.
    pub result: &'static str,
}

/// The actor of what the service does by itself.
pub const SELF: &str = "appliance";

impl Entry {
    /// An entry without counts whose result is `ok`.
    #[must_use]
    pub fn new(time: Time, actor: &str, operation: &'static str, subject: &str) -> Self {
        Self {
            time,
            actor: actor.to_owned(),
            operation,
            subject: subject.to_owned(),
            counts: BTreeMap::new(),
            details: BTreeMap::new(),
            intent: None,
            result: "ok",
        }
    }

    /// The same entry with one more count.
    #[must_use]
    pub fn count(mut self, name: &str, value: u64) -> Self {
        self.counts.insert(name.to_owned(), value);
        self
    }

    /// The same entry with one more name or digest.
    #[must_use]
    pub fn detail(mut self, name: &'static str, text: &str) -> Self {
        self.details.insert(name, text.to_owned());
        self
    }

    /// The same entry with another result.
    #[must_use]
    pub fn result(self, result: &'static str) -> Self {
        Self { result, ..self }
    }

    /// The same entry as the result of the one that announced it.
    #[must_use]
    pub fn after(self, intent: u64) -> Self {
        Self {
            intent: Some(intent),
            ..self
        }
    }

    /// The entry's canonical line under the number that the log gives it, without an end of line.
    #[must_use]
    pub fn render(&self, seq: u64) -> String {
        let (at, behind) = match &self.time {
            Time::At(at) => (*at, 0),
            Time::Written(stamp) => stamp.take(),
        };
        let mut counts = self.counts.clone();
        if behind > 0 {
            counts.insert(BEHIND.to_owned(), behind);
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(name, value)| format!("{}:{value}", quoted(name)))
            .collect();
        let details: Vec<String> = self
            .details
            .iter()
            .map(|(name, text)| format!("{}:{}", quoted(name), quoted(text)))
            .collect();
        let details = if details.is_empty() {
            String::new()
        } else {
            format!(r#""details":{{{}}},"#, details.join(","))
        };
        let intent = self
            .intent
            .map_or_else(String::new, |intent| format!(r#""intent":{intent},"#));
        format!(
            r#"{{"seq":{seq},"utc":{},"actor":{},"operation":{},"subject":{},"counts":{{{}}},{details}{intent}"result":{}}}"#,
            quoted(&utc(at)),
            quoted(&self.actor),
            quoted(self.operation),
            quoted(&self.subject),
            counts.join(","),
            quoted(self.result),
        )
    }
}

/// When the entry with these bytes was written.
#[must_use]
pub fn instant(entry: &[u8]) -> Option<u64> {
    let line: serde_json::Value = serde_json::from_slice(entry).ok()?;
    crate::clock::parse_utc(line.get("utc")?.as_str()?)
}

/// When the newest entry of a store was written; 0 for an empty log.
#[must_use]
pub fn newest(store: &Store) -> u64 {
    let newest = store.audit_size().checked_sub(1);
    let newest = newest.and_then(|index| store.audit_entry(index).ok());
    newest
        .and_then(|entry| instant(entry.as_bytes()))
        .unwrap_or(0)
}

/// A count of the entry with these bytes.
#[must_use]
pub fn count_of(entry: &[u8], name: &str) -> Option<u64> {
    let line: serde_json::Value = serde_json::from_slice(entry).ok()?;
    line.get("counts")?.get(name)?.as_u64()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_canonical() {
        let entry = Entry::new(Time::At(0), "spiffe://m/\"a\"\n", "admit", "ab")
            .count("rows", 2)
            .count("a", 1);
        assert_eq!(
            entry.render(7),
            r#"{"seq":7,"utc":"1970-01-01T00:00:00Z","actor":"spiffe://m/\"a\"\n","operation":"admit","subject":"ab","counts":{"a":1,"rows":2},"result":"ok"}"#
        );
        assert_eq!(instant(entry.render(7).as_bytes()), Some(0));
        assert_eq!(count_of(entry.render(7).as_bytes(), "rows"), Some(2));
        assert_eq!(count_of(entry.render(7).as_bytes(), "batches"), None);
        let entry = Entry::new(Time::At(0), "a", "release", "r")
            .detail("run", "\"")
            .detail("digest", "0a")
            .after(6);
        assert_eq!(
            entry.render(0),
            r#"{"seq":0,"utc":"1970-01-01T00:00:00Z","actor":"a","operation":"release","subject":"r","counts":{},"details":{"digest":"0a","run":"\""},"intent":6,"result":"ok"}"#
        );
    }

    #[test]
    fn times_never_go_back() {
        let seconds = Arc::new(AtomicU64::new(1_000));
        let stamp = Stamp::new(Clock::Manual(seconds.clone()), 900);
        let entry = Entry::new(Time::Written(stamp.clone()), "a", "note", "");
        let line = |seq| {
            let line = entry.render(seq).into_bytes();
            (instant(&line), count_of(&line, BEHIND))
        };
        assert_eq!(line(0), (Some(1_000), None));
        seconds.store(1_500, Ordering::Relaxed);
        assert_eq!(line(1), (Some(1_500), None));
        // Set back by 200 seconds: the entry keeps the time before and says by how much.
        seconds.store(1_300, Ordering::Relaxed);
        assert_eq!(line(2), (Some(1_500), Some(200)));
        seconds.store(1_501, Ordering::Relaxed);
        assert_eq!(line(3), (Some(1_501), None));
        // After a start the newest entry of the log counts.
        let stamp = Stamp::new(Clock::manual(1_400), 1_501);
        let entry = Entry::new(Time::Written(stamp), "a", "note", "");
        assert_eq!(instant(entry.render(4).as_bytes()), Some(1_501));
    }
}
