//! Headers of DICOM objects: the patient module, and nothing of the images.
//!
//! Own code instead of a crate: eight elements of one group are needed, from the first bytes of a file,
//! while the crates bring dictionaries, a calendar and some sixty packages, keep copies of values
//! that nobody wipes, and do not read names in several character sets, which Japanese ones are.

mod charset;
mod parse;

use std::fmt;

use zeroize::Zeroizing;

use self::charset::Charset;
use crate::{
    error::{ReadError, RowError},
    limits::{DICOM_HEADER_BYTES_MAX, VALUE_BYTES_MAX},
    normalize,
    quality::Quality,
    record::{RawField, RawRecord, SourceRecord},
    refuse::Screen,
};

/// Values of the elements that are read, as bytes.
#[derive(Default)]
struct Patient<'a> {
    /// (0008,0005)
    charset: &'a [u8],
    /// (0010,0010)
    name: &'a [u8],
    /// (0010,0020)
    id: &'a [u8],
    /// (0010,0030)
    birth_date: &'a [u8],
    /// (0010,0040)
    sex: &'a [u8],
    /// (0010,1000)
    other_ids: &'a [u8],
    /// (0010,1005)
    birth_name: &'a [u8],
    /// (0010,1040)
    address: &'a [u8],
}

impl fmt::Debug for Patient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patient(..)")
    }
}

/// Whether the bytes start like a DICOM object: with its mark, or without one with a plausible element.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    parse::looks_like(bytes)
}

/// Reads the patient of one object from the first bytes of its file. The rest is never looked at, so
/// a caller needs to read no more than [`DICOM_HEADER_BYTES_MAX`] of it.
///
/// # Errors
/// [`ReadError`] if it is no such object, is cut before the end of the patient module, or its patient
/// cannot be used.
pub fn read(bytes: &[u8]) -> Result<SourceRecord, ReadError> {
    read_as(bytes, false)
}

/// [`read`], and the record keeps how its values were written.
///
/// # Errors
/// As [`read`].
pub fn observe(bytes: &[u8]) -> Result<SourceRecord, ReadError> {
    read_as(bytes, true)
}

fn read_as(bytes: &[u8], observed: bool) -> Result<SourceRecord, ReadError> {
    let patient = parse::patient(bytes)?;
    let charset = Charset::parse(patient.charset);
    let mut decoder = Decoder {
        charset,
        disagrees: false,
        replaced: false,
    };
    let raw = decoder.raw(&patient).map_err(ReadError::Record)?;
    let mut record = normalize::normalize_as(&raw, observed).map_err(ReadError::Record)?;
    // A Latin name that is no spelling of kana is a foreigner's, whose written name is Latin.
    let latin = raw.get(RawField::KanjiName).is_none();
    if latin
        && record
            .identifiers()
            .get(linker_token::Field::KanaName)
            .is_none()
        && let Some(name) = raw.get(RawField::KanaName)
    {
        let raw = raw.clone().with(RawField::KanjiName, name);
        record = normalize::normalize_as(&raw, observed).map_err(ReadError::Record)?;
    }
    record
        .quality
        .insert_if(decoder.disagrees, Quality::EncodingDisagrees);
    record
        .quality
        .insert_if(decoder.replaced, Quality::ReplacedCharacter);
    Ok(record)
}

/// Feeds one object's numbers to a screen, which judges the whole folder: one object proves nothing.
///
/// # Errors
/// [`ReadError`] if it is no DICOM object.
pub fn screen(bytes: &[u8], screen: &mut Screen) -> Result<(), ReadError> {
    let patient = parse::patient(bytes)?;
    for (name, value) in [
        ("(0010,0020)", patient.id),
        ("(0010,1000)", patient.other_ids),
    ] {
        for value in value.split(|&b| b == b'\\').take(64) {
            let value = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
            screen.see(name, value.trim_matches(['\0', ' ']));
        }
    }
    Ok(())
}

/// Turns values into text and notes what went wrong.
struct Decoder {
    charset: Charset,
    disagrees: bool,
    replaced: bool,
}

impl Decoder {
    fn raw(&mut self, patient: &Patient<'_>) -> Result<RawRecord, RowError> {
        let mut raw = RawRecord::new();
        for (field, value) in [
            (RawField::RecordId, patient.id),
            (RawField::BirthDate, patient.birth_date),
            (RawField::Sex, patient.sex),
            (RawField::Address, patient.address),
        ] {
            let text = self.text(field, value)?;
            if !text.is_empty() {
                raw.set(field, text.as_str());
            }
        }
        for (kanji, kana, value) in [
            (RawField::KanjiName, RawField::KanaName, patient.name),
            (
                RawField::FormerKanjiName,
                RawField::FormerKanaName,
                patient.birth_name,
            ),
        ] {
            let text = self.text(kanji, value)?;
            let name = PersonName::parse(&text);
            for (field, form) in [(kanji, name.written()), (kana, name.spoken())] {
                if !form.is_empty() {
                    raw.set(field, form);
                }
            }
        }
        Ok(raw)
    }

    fn text(&mut self, field: RawField, value: &[u8]) -> Result<Zeroizing<String>, RowError> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(RowError::TooLong {
                field: field.tag(),
                limit: VALUE_BYTES_MAX,
            });
        }
        let decoded = self.charset.decode(value);
        self.disagrees |= decoded.disagrees;
        self.replaced |= decoded.replaced;
        let padding = ['\0', ' ', '\u{3000}'];
        Ok(Zeroizing::new(
            decoded.text.trim_matches(padding).to_owned(),
        ))
    }
}

/// The three groups of a person's name, each as family, given and middle name with blanks between.
struct PersonName {
    alphabetic: Zeroizing<String>,
    ideographic: Zeroizing<String>,
    phonetic: Zeroizing<String>,
}

impl PersonName {
    /// Groups stand between `=`, their parts between `^`. Kanji with bytes like these are text by now.
    fn parse(text: &str) -> Self {
        // Of several values the first is the patient's.
        let first = text.split('\\').next().unwrap_or("");
        let mut groups = first.split('=').map(|group| {
            let mut out = Zeroizing::new(String::with_capacity(group.len()));
            for part in group.split('^').take(3).map(str::trim) {
                if !part.is_empty() {
                    if !out.is_empty() {
                        out.push(' ');
                    }
                    out.push_str(part);
                }
            }
            out
        });
        let mut next = || groups.next().unwrap_or_default();
        Self {
            alphabetic: next(),
            ideographic: next(),
            phonetic: next(),
        }
    }

    /// Kanji, or what stands in the first group if that is not Latin: old devices know one group.
    fn written(&self) -> &str {
        if self.ideographic.is_empty() && !self.alphabetic.is_ascii() {
            &self.alphabetic
        } else {
            &self.ideographic
        }
    }

    /// Kana, or the Latin letters, which the normaliser turns into kana.
    fn spoken(&self) -> &str {
        if self.phonetic.is_empty() && (self.alphabetic.is_ascii() || !self.ideographic.is_empty())
        {
            &self.alphabetic
        } else {
            &self.phonetic
        }
    }
}

const _: () = assert!(DICOM_HEADER_BYTES_MAX > parse::PREAMBLE);
