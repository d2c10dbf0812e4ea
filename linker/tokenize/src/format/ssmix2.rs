//! SS-MIX2 standardized storage: ADT-00 files, one HL7 v2.5 message with a patient's basics.
//!
//! Bytes of kanji in ISO-2022-JP equal HL7 delimiters. So the file is cut into segments at carriage
//! returns first (no kanji holds one), each segment is decoded from the ASCII state, and only the
//! text is cut into fields.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    SourceEncoding, encoding,
    hl7::{component, decode, field_of, repetitions, unescape},
};
use crate::{
    error::ReadError,
    limits::{ADT_BYTES_MAX, HL7_SEGMENTS_MAX, VALUE_BYTES_MAX},
    normalize,
    quality::Quality,
    record::{RawField, RawRecord, SourceRecord},
    refuse::Screen,
};

/// What a file name says about its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// The valid one (`_1`).
    Current,
    /// Replaced by a newer one (`_2`).
    Old,
    /// Deleted (`_0`).
    Deleted,
}

/// The state that the name of an ADT-00 file gives; `None` for other files.
///
/// `patient_date_type_order_time_department_flag`, read from the right because a patient number may
/// hold an underscore.
#[must_use]
pub fn file_state(name: &str) -> Option<FileState> {
    let mut parts = name.rsplit('_');
    let flag = parts.next()?;
    let (_department, time, order, kind) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // A date and a patient come before the type.
    if kind != "ADT-00" || !digits(time) || !digits(order) || parts.count() < 2 {
        return None;
    }
    match flag {
        "1" => Some(FileState::Current),
        "2" => Some(FileState::Old),
        "0" => Some(FileState::Deleted),
        _ => None,
    }
}

/// What an ADT-00 file says.
pub enum Adt {
    /// The patient's basics.
    Current(SourceRecord),
    /// The patient was deleted (ADT^A23): withdraw the record.
    Deleted {
        /// The institution's number of the patient.
        local_id: Zeroizing<String>,
    },
}

impl fmt::Debug for Adt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current(_) => "Adt::Current(..)",
            Self::Deleted { .. } => "Adt::Deleted(..)",
        })
    }
}

/// Reads one ADT-00 file.
///
/// # Errors
/// [`ReadError`] if it is no such file, is cut, or its patient cannot be used.
pub fn read(bytes: &[u8]) -> Result<Adt, ReadError> {
    let message = Message::parse(bytes)?;
    let local_id = message.patient_id();
    if message.is_deletion() {
        if local_id.is_empty() {
            return Err(structure("PID-3 is empty"));
        }
        return Ok(Adt::Deleted { local_id });
    }
    let raw = message.raw(&local_id)?;
    let mut record = normalize::normalize(&raw).map_err(ReadError::Record)?;
    record
        .quality
        .insert_if(message.disagrees, Quality::EncodingDisagrees);
    record
        .quality
        .insert_if(message.replaced, Quality::ReplacedCharacter);
    Ok(Adt::Current(record))
}

/// Feeds one file's numbers to a screen, which judges the whole tree: one file proves nothing.
///
/// # Errors
/// [`ReadError`] if it is no ADT-00 file.
pub fn screen(bytes: &[u8], screen: &mut Screen) -> Result<(), ReadError> {
    let message = Message::parse(bytes)?;
    for (field, name) in [
        (2, "PID-2"),
        (3, "PID-3"),
        (4, "PID-4"),
        (18, "PID-18"),
        (19, "PID-19"),
    ] {
        for value in repetitions(field_of(&message.pid, field)) {
            screen.see(name, &component(value, 1));
        }
    }
    for insurance in &message.insurances {
        for value in repetitions(field_of(insurance, 10)) {
            screen.see("IN1-10", &component(value, 1));
        }
    }
    Ok(())
}

fn structure(rule: &'static str) -> ReadError {
    ReadError::Structure {
        format: "an ADT-00 message",
        rule,
    }
}

/// The segments that are needed, decoded.
struct Message {
    msh: Zeroizing<String>,
    pid: Zeroizing<String>,
    insurances: Vec<Zeroizing<String>>,
    /// The bytes are not in the encoding that MSH-18 names.
    disagrees: bool,
    /// A character outside the encoding was replaced.
    replaced: bool,
}

impl Message {
    fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.is_empty() {
            return Err(ReadError::Empty);
        }
        if bytes.len() > ADT_BYTES_MAX {
            return Err(ReadError::TooLarge {
                what: "an ADT-00 file",
                limit: ADT_BYTES_MAX,
            });
        }
        let bytes = bytes.strip_prefix(encoding::BOM).unwrap_or(bytes);
        if !bytes.starts_with(b"MSH|") {
            return Err(structure("it does not start with MSH"));
        }
        let iso = encoding_of(bytes)? == SourceEncoding::Iso2022Jp;
        let (mut msh, mut pid, mut insurances) = (None, None, Vec::new());
        let mut replaced = false;
        let segments = bytes.split(|&b| matches!(b, b'\r' | b'\n'));
        for (index, segment) in segments.filter(|segment| !segment.is_empty()).enumerate() {
            if index >= HL7_SEGMENTS_MAX {
                return Err(ReadError::TooLarge {
                    what: "the number of segments",
                    limit: HL7_SEGMENTS_MAX,
                });
            }
            let kind = segment.get(..4).unwrap_or_default();
            if !matches!(kind, b"MSH|" | b"PID|" | b"IN1|") {
                continue;
            }
            let text = decode(segment, iso, &mut replaced)?;
            match kind {
                b"MSH|" => msh = msh.or(Some(text)),
                b"PID|" => pid = pid.or(Some(text)),
                _ => insurances.push(text),
            }
        }
        let msh = msh.ok_or_else(|| structure("it has no MSH"))?;
        if !field_of(&msh, 8).starts_with("ADT^") {
            return Err(structure("its type in MSH-9 is not ADT"));
        }
        let pid = pid.ok_or_else(|| structure("it has no PID"))?;
        let declared = field_of(&msh, 17);
        let declares_iso = declared.contains("IR87") || declared.contains("ISO-2022");
        let declares_utf8 = declared.contains("UTF-8") || declared.contains("UNICODE");
        let disagrees = (!iso && !bytes.is_ascii() && declares_iso) || (iso && declares_utf8);
        Ok(Self {
            msh,
            pid,
            insurances,
            disagrees,
            replaced,
        })
    }

    /// Event A23 in MSH-9. MSH-1 is the separator itself, so MSH fields stand one place earlier.
    fn is_deletion(&self) -> bool {
        *component(field_of(&self.msh, 8), 2) == *"A23"
    }

    fn patient_id(&self) -> Zeroizing<String> {
        let first = repetitions(field_of(&self.pid, 3)).next().unwrap_or("");
        component(first, 1)
    }

    fn raw(&self, local_id: &str) -> Result<RawRecord, ReadError> {
        let mut raw = RawRecord::new();
        let mut set = |field: RawField, value: &str| {
            if value.len() > VALUE_BYTES_MAX {
                return Err(structure("a value is too long"));
            }
            if !value.trim().is_empty() {
                raw.set(field, value.trim());
            }
            Ok(())
        };
        set(RawField::RecordId, local_id)?;
        for (place, kanji, kana) in [
            (5, RawField::KanjiName, RawField::KanaName),
            (9, RawField::FormerKanjiName, RawField::FormerKanaName),
        ] {
            let mut unlabelled = true;
            for name in repetitions(field_of(&self.pid, place)) {
                let field = match component(name, 8).as_str() {
                    "I" => kanji,
                    "P" => kana,
                    // Without a representation code the first repetition is the written name.
                    _ if unlabelled => kanji,
                    _ => continue,
                };
                unlabelled = false;
                set(field, &person_name(name))?;
            }
        }
        set(RawField::BirthDate, &component(field_of(&self.pid, 7), 1))?;
        set(RawField::Sex, &component(field_of(&self.pid, 8), 1))?;
        let home = home(field_of(&self.pid, 11));
        set(RawField::PostalCode, &component(home, 5))?;
        set(RawField::Address, &address(home))?;
        set(
            RawField::MultipleBirth,
            &component(field_of(&self.pid, 24), 1),
        )?;
        let died = !field_of(&self.pid, 29).is_empty();
        let death = component(field_of(&self.pid, 30), 1);
        set(RawField::Deceased, if died { "Y" } else { &death })?;
        if let Some(insurance) = self.insurance() {
            set(RawField::Insurer, &component(field_of(insurance, 3), 1))?;
            let mut parts = repetitions(field_of(insurance, 10)).map(|part| component(part, 1));
            for field in [
                RawField::InsuredSymbol,
                RawField::InsuredNumber,
                RawField::InsuredBranch,
            ] {
                set(field, &parts.next().unwrap_or_default())?;
            }
        }
        Ok(raw)
    }

    /// The first insurance with an insurer and a number.
    fn insurance(&self) -> Option<&str> {
        let whole = self.insurances.iter().find(|insurance| {
            !component(field_of(insurance, 3), 1).is_empty() && !field_of(insurance, 10).is_empty()
        });
        whole.map(|insurance| insurance.as_str())
    }
}

/// ISO-2022-JP by rule. UTF-8 trees exist and are read.
fn encoding_of(bytes: &[u8]) -> Result<SourceEncoding, ReadError> {
    match encoding::detect(bytes) {
        SourceEncoding::Ascii | SourceEncoding::Iso2022Jp => Ok(SourceEncoding::Iso2022Jp),
        SourceEncoding::Utf8 => Ok(SourceEncoding::Utf8),
        found @ (SourceEncoding::Cp932 | SourceEncoding::Utf16 | SourceEncoding::Unknown) => {
            Err(ReadError::Encoding {
                declared: SourceEncoding::Iso2022Jp,
                found,
            })
        }
    }
}

/// Family name (first subcomponent), given and middle names with blanks between them.
fn person_name(repetition: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::new());
    let family = repetition.split('^').next().unwrap_or("");
    let family = unescape(family.split('&').next().unwrap_or(""));
    for part in [family, component(repetition, 2), component(repetition, 3)] {
        if !part.trim().is_empty() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(part.trim());
        }
    }
    out
}

/// The home address (type H) among the repetitions, else the first.
fn home(field: &str) -> &str {
    let home = repetitions(field).find(|address| *component(address, 7) == *"H");
    home.or_else(|| repetitions(field).next()).unwrap_or("")
}

/// Free text in component 8, or state, city, street and the rest.
fn address(repetition: &str) -> Zeroizing<String> {
    let text = component(repetition, 8);
    if !text.trim().is_empty() {
        return text;
    }
    let mut out = Zeroizing::new(String::new());
    for index in [4, 3, 1, 2] {
        out.push_str(component(repetition, index).trim());
    }
    out
}
