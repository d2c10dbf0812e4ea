//! Specific health check-ups (特定健診): an archive with one HL7 CDA document per person.
//!
//! Documents are `DATA/h*.xml`; indexes, summaries and schemas beside them are not opened. A document
//! has no number of its own for a person, so its file name, which is unique within the institution,
//! is the local number. Nothing is unpacked to disk, sizes that the archive declares are not trusted,
//! and entries that share bytes refuse the archive.

mod archive;

use std::convert::Infallible;

use quick_xml::events::BytesStart;
use zeroize::Zeroizing;

use archive::{Archive, Entry};

use super::{
    FileReport, RowSink, SourceEncoding,
    blocks::{BlockSink, File, Stopped, bytes_of, in_memory},
    is_kana_name,
    xml::{Document, Node, Walker},
};
use crate::{
    error::{ReadError, RowError},
    normalize,
    quality::Quality,
    record::{RawField, RawRecord, SourceRecord},
    refuse::Screen,
};

const FORMAT: &str = "an archive of health check-ups";
const NAMESPACE: &str = "urn:hl7-org:v3";
const NAMES: &[&str] = &[
    "ClinicalDocument",
    "recordTarget",
    "patientRole",
    "id",
    "addr",
    "postalCode",
    "patient",
    "name",
    "family",
    "given",
    "administrativeGenderCode",
    "birthTime",
];

/// Numbers of a person by the root of their identifier, with the name of their column in reports.
const IDS: [(&str, RawField, &str); 4] = [
    ("1.2.392.200119.6.101", RawField::Insurer, "insurer number"),
    ("1.2.392.200119.6.204", RawField::InsuredSymbol, "symbol"),
    ("1.2.392.200119.6.205", RawField::InsuredNumber, "number"),
    ("1.2.392.200119.6.211", RawField::InsuredBranch, "branch"),
];
/// Voucher numbers (受診券, 利用券) end in the insurer's number.
const VOUCHERS: [&str; 2] = ["1.2.392.200119.6.209", "1.2.392.200119.6.210"];

/// Whether a file looks like an archive.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads an archive. Each document is one row; their numbers count from 1 in the archive's order.
///
/// # Errors
/// [`ReadError`] if the archive is cut, damaged, passes a limit or holds forbidden numbers; then
/// `sink` was never called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    in_memory(bytes, sink, |file, sink| read_file(file, None, sink))
}

/// Reads an archive of any length, as [`read`] does: document by document. Its numbers are also fed to the
/// `screen` that judges all files of a source, as in [`screen`].
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    mut all: Option<&mut Screen>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let observed = file.is_observed();
    let archive = Archive::open(file)?;
    let mut screen = Screen::new();
    archive.each(&mut |_, document| {
        see(document, &mut screen);
        if let Some(all) = &mut all {
            see(document, all);
        }
        Ok(())
    })?;
    screen.verdict().map_err(ReadError::Refused)?;

    let mut report = FileReport::new(SourceEncoding::Utf8);
    archive.each(&mut |entry, document| {
        report.deliver(report.rows + 1, record(entry, document, observed), sink)
    })?;
    Ok(report)
}

/// Feeds one archive's numbers to a screen that judges all archives of a source: a few documents prove
/// nothing.
///
/// # Errors
/// [`ReadError`] if it is no archive, damaged, or passes a limit.
pub fn screen(bytes: &[u8], screen: &mut Screen) -> Result<(), ReadError> {
    let mut bytes_at = bytes_of::<Infallible>(bytes);
    let mut file = File::new(bytes.len() as u64, &mut bytes_at);
    let screened = Archive::open(&mut file).and_then(|archive| {
        archive.each(&mut |_, document| {
            see(document, screen);
            Ok(())
        })
    });
    screened.map_err(|stopped| match stopped {
        Stopped::File(error) => error,
        Stopped::Caller(never) => match never {},
    })
}

fn see(document: &[u8], screen: &mut Screen) {
    // What is wrong with a document is said when its row is delivered.
    let _later = person(document, &mut |name, value| screen.see(name, value));
}

fn record(entry: &Entry, document: &[u8], observed: bool) -> Result<SourceRecord, RowError> {
    let (mut raw, disagrees) = person(document, &mut |_, _| {})?;
    raw.set(RawField::RecordId, entry.name.as_str());
    let mut record = normalize::normalize_as(&raw, observed)?;
    record
        .quality
        .insert_if(disagrees, Quality::EncodingDisagrees);
    Ok(record)
}

/// Takes every number of a person with the name of its column.
type See<'a> = dyn FnMut(&'static str, &str) + 'a;

/// The person of a document, and whether its encoding is not the declared one.
fn person(document: &[u8], see: &mut See<'_>) -> Result<(RawRecord, bool), RowError> {
    let malformed = |_no_value_may_be_said| RowError::Malformed;
    let document = Document::decode(document).map_err(malformed)?;
    let mut walker = document.walk(NAMES, FORMAT);
    let mut person = Person::default();
    while let Some(node) = walker.next().map_err(malformed)? {
        let own = walker.namespace().is_none_or(|name| name == NAMESPACE);
        if !own || walker.path().first() != Some(&"ClinicalDocument") {
            return Err(RowError::Malformed);
        }
        match node {
            Node::Open(tag) => person.open(&walker, &tag, see)?,
            Node::Close => person.close(&walker)?,
        }
    }
    Ok((person.raw, walker.disagrees()))
}

/// The path below the person's role, which may be written for one person only.
fn inside<'w>(walker: &'w Walker<'_>) -> &'w [&'static str] {
    match walker.path() {
        [
            "ClinicalDocument",
            "recordTarget",
            "patientRole",
            inside @ ..,
        ] => inside,
        _ => &[],
    }
}

#[derive(Default)]
struct Person {
    raw: RawRecord,
    /// Parts of the name that is read.
    parts: Zeroizing<String>,
}

impl Person {
    fn open(
        &mut self,
        walker: &Walker<'_>,
        tag: &BytesStart<'_>,
        see: &mut See<'_>,
    ) -> Result<(), RowError> {
        let attribute = |name, field| {
            let value = walker.attribute(tag, name, field)?;
            Ok(value.unwrap_or_default())
        };
        match inside(walker) {
            ["id"] => {
                let (root, value) = (attribute("root", "id")?, attribute("extension", "id")?);
                number(&mut self.raw, root.trim(), value.trim(), see);
            }
            ["addr", _] => keep(&mut self.raw, RawField::Address, walker.before()),
            ["patient", "administrativeGenderCode"] => {
                keep(&mut self.raw, RawField::Sex, &attribute("code", "sex")?);
            }
            ["patient", "birthTime"] => {
                let value = attribute("value", "birth-date")?;
                // A time of day may follow the date.
                let day = value.get(..8).unwrap_or(&value);
                keep(&mut self.raw, RawField::BirthDate, day);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, walker: &Walker<'_>) -> Result<(), RowError> {
        let field = match inside(walker) {
            ["addr"] => RawField::Address,
            ["addr", "postalCode"] => RawField::PostalCode,
            ["patient", "name", "family" | "given"] => {
                self.parts.push_str(walker.value("name")?);
                self.parts.push(' ');
                return Ok(());
            }
            ["patient", "name"] => {
                let parts = std::mem::take(&mut self.parts);
                let whole = if parts.is_empty() {
                    walker.value("name")?
                } else {
                    &parts
                };
                name(&mut self.raw, whole.trim());
                return Ok(());
            }
            _ => return Ok(()),
        };
        keep(&mut self.raw, field, walker.value(field.tag())?);
        Ok(())
    }
}

fn number(raw: &mut RawRecord, root: &str, value: &str, see: &mut See<'_>) {
    if let Some(&(_, field, column)) = IDS.iter().find(|(at, ..)| *at == root) {
        see(column, value);
        keep(raw, field, value);
    } else if VOUCHERS.iter().any(|at| root.starts_with(at)) {
        see("voucher", value);
    } else {
        see("another identifier", value);
    }
}

/// In practice the name is written in kana; some senders add or give it in kanji.
fn name(raw: &mut RawRecord, name: &str) {
    let kana = is_kana_name(name);
    let field = if kana {
        RawField::KanaName
    } else {
        RawField::KanjiName
    };
    keep(raw, field, name);
}

/// The first value that is there counts.
fn keep(raw: &mut RawRecord, field: RawField, value: &str) {
    if raw.get(field).is_none() && !value.trim().is_empty() {
        raw.set(field, value.trim());
    }
}
