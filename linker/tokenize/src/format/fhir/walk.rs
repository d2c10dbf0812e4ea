//! Goes through the resources of a file: lines, entries of Bundles, or one value.

use std::fmt;

use serde::de::{self, Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    super::{
        SourceEncoding,
        encoding::{self, BOM},
    },
    model::{BundleHead, Entry, Head, Text},
};
use crate::error::{ReadError, RowError};

const FORMAT: &str = "FHIR in JSON";

/// Kinds of resources that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Patient,
    /// A patient that an entry of a Bundle deletes; the resource itself is not there.
    DeletedPatient,
    Coverage,
    Organization,
    Other,
}

/// One resource where it stands in the file.
pub(super) struct Resource<'b> {
    pub(super) kind: Kind,
    pub(super) json: &'b str,
    /// Its address within a Bundle; `Patient/id` of one that is deleted.
    pub(super) url: Option<Text>,
    /// It is one of the versions in a Bundle of type `history`.
    pub(super) history: bool,
}

impl<'b> Resource<'b> {
    pub(super) fn parse<T: de::Deserialize<'b>>(&self) -> Result<T, RowError> {
        serde_json::from_str(self.json).map_err(|_no_value_may_be_said| RowError::Malformed)
    }
}

/// Takes resources with their rows. `X` is what ends a walk.
pub(super) type Found<'a, X> = dyn FnMut(u64, Result<Resource<'_>, RowError>) -> Result<(), X> + 'a;

/// Goes through all resources of a file that is in memory in order.
pub(super) fn each<X: From<ReadError>>(bytes: &[u8], found: &mut Found<'_, X>) -> Result<(), X> {
    if bytes.is_empty() {
        return Err(ReadError::Empty.into());
    }
    let body = body(bytes)?;
    let first = body.split(|&byte| byte == b'\n').next().unwrap_or(body);
    if !is_line(first)? {
        let json = std::str::from_utf8(body).map_err(|_bytes| not_utf8(bytes))?;
        return whole(json, found);
    }
    let mut row = 0;
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        row += 1;
        if !line.trim_ascii().is_empty() {
            self::line(line, &mut row, found)?;
        }
    }
    Ok(())
}

/// The bytes from the first value on.
pub(super) fn body(bytes: &[u8]) -> Result<&[u8], ReadError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(not_utf8(bytes));
    }
    Ok(bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii_start())
}

/// Whether a first line is a whole value, as in ndjson; else the file is one value over many lines.
pub(super) fn is_line(first: &[u8]) -> Result<bool, ReadError> {
    if serde_json::from_slice::<&RawValue>(first).is_err() {
        return Ok(false);
    }
    if head(first).and_then(|head| head.kind).is_none() {
        return Err(structure("its first line is no resource"));
    }
    Ok(true)
}

/// One line that is not blank; `row` is its number, and that of its last entry afterwards.
pub(super) fn line<X: From<ReadError>>(
    line: &[u8],
    row: &mut u64,
    found: &mut Found<'_, X>,
) -> Result<(), X> {
    let field = "the row";
    let Ok(json) = std::str::from_utf8(line) else {
        return found(*row, Err(RowError::Bytes { field }));
    };
    match Head::of(json) {
        Ok(head) if head.is("Bundle") => {
            // Entries are rows of their own; the line itself is none.
            let before = *row - 1;
            *row = before;
            whole(json, &mut |entry, resource| {
                *row = before.saturating_add(entry);
                found(*row, resource)
            })
        }
        Ok(head) => found(*row, Ok(head.resource(json, None, false))),
        Err(error) if error.is_eof() && !line.ends_with(b"\n") => {
            found(*row, Err(RowError::Truncated))
        }
        Err(_) => found(*row, Err(RowError::Malformed)),
    }
}

/// One value: a Bundle or a resource.
fn whole<X: From<ReadError>>(json: &str, found: &mut Found<'_, X>) -> Result<(), X> {
    let fault = |error: serde_json::Error| {
        if error.is_eof() {
            ReadError::Truncated
        } else {
            structure("it is not JSON")
        }
    };
    let head = Head::of(json).map_err(fault)?;
    if head.kind.is_none() {
        return Err(structure("it names no kind of resource").into());
    }
    if !head.is("Bundle") {
        return found(1, Ok(head.resource(json, None, false)));
    }
    // A type that is no text makes no history.
    let history = serde_json::from_str::<BundleHead>(json).is_ok_and(|head| head.is_history());
    let mut stopped = Ok(());
    let entries = Entries {
        found,
        row: 0,
        history,
        stopped: &mut stopped,
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = reader.deserialize_map(entries).and_then(|()| reader.end());
    stopped?;
    Ok(read.map_err(fault)?)
}

fn head(json: &[u8]) -> Option<Head> {
    Head::of(std::str::from_utf8(json).ok()?).ok()
}

fn structure(rule: &'static str) -> ReadError {
    let format = FORMAT;
    ReadError::Structure { format, rule }
}

fn not_utf8(bytes: &[u8]) -> ReadError {
    ReadError::Encoding {
        declared: SourceEncoding::Utf8,
        found: encoding::detect(bytes),
    }
}

/// Reads the entries of a Bundle one after another, without keeping them.
struct Entries<'f, 'g, X> {
    found: &'f mut Found<'g, X>,
    row: u64,
    history: bool,
    stopped: &'f mut Result<(), X>,
}

impl<'de, X> Visitor<'de> for Entries<'_, '_, X> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Bundle")
    }

    fn visit_map<A: de::MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text>()? {
            if &*key == "entry" {
                map.next_value_seed(&mut self)?;
            } else {
                map.next_value::<de::IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, seq: A) -> Result<(), A::Error> {
        self.entries(seq)
    }
}

impl<'de, X> de::DeserializeSeed<'de> for &mut Entries<'_, '_, X> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(Entries {
            found: &mut *self.found,
            row: self.row,
            history: self.history,
            stopped: &mut *self.stopped,
        })
    }
}

impl<X> Entries<'_, '_, X> {
    fn entries<'de, A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            self.row += 1;
            let Some(resource) = entry(raw.get(), self.history) else {
                continue;
            };
            if let Err(error) = (self.found)(self.row, resource) {
                *self.stopped = Err(error);
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// What an entry holds. One may be a request or an outcome alone; of these only deletions matter.
fn entry(json: &str, history: bool) -> Option<Result<Resource<'_>, RowError>> {
    let Ok(entry) = serde_json::from_str::<Entry<'_>>(json) else {
        return Some(Err(RowError::Malformed));
    };
    let Some(resource) = entry.resource else {
        let url = entry.request?.deleted_patient()?;
        return Some(Ok(Resource {
            kind: Kind::DeletedPatient,
            json: "",
            url: Some(url),
            history,
        }));
    };
    let json = resource.get();
    Some(match Head::of(json) {
        Ok(head) => Ok(head.resource(json, entry.full_url, history)),
        Err(_) => Err(RowError::Malformed),
    })
}
