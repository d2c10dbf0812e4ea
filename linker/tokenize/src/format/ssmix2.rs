//! SS-MIX2 standardized storage: ADT-00 files, one HL7 v2.5 message with a patient's basics.
//!
//! Bytes of kanji in ISO-2022-JP equal HL7 delimiters. So the file is cut into segments at carriage
//! returns first (no kanji holds one), each segment is decoded from the ASCII state, and only the
//! text is cut into fields.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    encoding::BOM,
    hl7::adt::{Message, structure},
};
use crate::{error::ReadError, record::SourceRecord, refuse::Screen};

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
    /// The patient was deleted (ADT^A23, or A29): withdraw the record.
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

/// Whether the bytes are one ADT message, as an ADT-00 file holds it.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    super::hl7::Messages::new(bytes).take(2).count() == 1
        && bytes
            .strip_prefix(BOM)
            .unwrap_or(bytes)
            .starts_with(b"MSH|")
        && super::hl7::looks_like(bytes)
}

/// Reads one ADT-00 file.
///
/// # Errors
/// [`ReadError`] if it is no such file, is cut, or its patient cannot be used.
pub fn read(bytes: &[u8]) -> Result<Adt, ReadError> {
    read_as(bytes, false)
}

/// [`read`], and the record keeps how its values were written.
///
/// # Errors
/// As [`read`].
pub fn observe(bytes: &[u8]) -> Result<Adt, ReadError> {
    read_as(bytes, true)
}

fn read_as(bytes: &[u8], observed: bool) -> Result<Adt, ReadError> {
    let message = Message::parse(bytes)?;
    let local_id = message.patient_id();
    if message.is_deletion() {
        if local_id.is_empty() {
            return Err(structure("PID-3 is empty"));
        }
        return Ok(Adt::Deleted { local_id });
    }
    let raw = message.raw(&local_id)?;
    let record = message.record(&raw, observed).map_err(ReadError::Record)?;
    Ok(Adt::Current(record))
}

/// Feeds one file's numbers to a screen, which judges the whole tree: one file proves nothing.
///
/// # Errors
/// [`ReadError`] if it is no ADT-00 file.
pub fn screen(bytes: &[u8], screen: &mut Screen) -> Result<(), ReadError> {
    Message::parse(bytes)?.screen(screen);
    Ok(())
}
