//! Entries of the audit log: one line of JSON with a fixed order of keys and no identifiers.

use std::collections::BTreeMap;

use crate::clock::utc;

/// What happened, to be written with the state change it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, in seconds since 1970.
    pub at: u64,
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
    /// `ok`, or a reason code.
    pub result: &'static str,
}

/// The actor of what the service does by itself.
pub const SELF: &str = "appliance";

impl Entry {
    /// An entry without counts whose result is `ok`.
    #[must_use]
    pub fn new(at: u64, actor: &str, operation: &'static str, subject: &str) -> Self {
        Self {
            at,
            actor: actor.to_owned(),
            operation,
            subject: subject.to_owned(),
            counts: BTreeMap::new(),
            details: BTreeMap::new(),
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

    /// The entry's canonical line under the number that the log gives it, without an end of line.
    #[must_use]
    pub fn render(&self, seq: u64) -> String {
        let counts: Vec<String> = self
            .counts
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
        format!(
            r#"{{"seq":{seq},"utc":{},"actor":{},"operation":{},"subject":{},"counts":{{{}}},{details}"result":{}}}"#,
            quoted(&utc(self.at)),
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
        let entry = Entry::new(0, "spiffe://m/\"a\"\n", "admit", "ab")
            .count("rows", 2)
            .count("a", 1);
        assert_eq!(
            entry.render(7),
            r#"{"seq":7,"utc":"1970-01-01T00:00:00Z","actor":"spiffe://m/\"a\"\n","operation":"admit","subject":"ab","counts":{"a":1,"rows":2},"result":"ok"}"#
        );
        assert_eq!(instant(entry.render(7).as_bytes()), Some(0));
        assert_eq!(count_of(entry.render(7).as_bytes(), "rows"), Some(2));
        assert_eq!(count_of(entry.render(7).as_bytes(), "batches"), None);
        let entry = Entry::new(0, "a", "release", "r")
            .detail("run", "\"")
            .detail("digest", "0a");
        assert_eq!(
            entry.render(0),
            r#"{"seq":0,"utc":"1970-01-01T00:00:00Z","actor":"a","operation":"release","subject":"r","counts":{},"details":{"digest":"0a","run":"\""},"result":"ok"}"#
        );
    }
}
