//! What one ADT message says about its patient, in SS-MIX2 storage and in plain HL7 files alike.

use zeroize::Zeroizing;

use super::{
    phone::phone,
    segments::{component, decode, field_of, repetitions, unescape},
};
use crate::{
    error::{ReadError, RowError},
    format::{SourceEncoding, encoding},
    limits::{ADT_BYTES_MAX, HL7_SEGMENTS_MAX, VALUE_BYTES_MAX},
    normalize,
    quality::Quality,
    record::{RawField, RawRecord, SourceRecord},
    refuse::Screen,
};

/// Events that delete a patient or a person.
const DELETIONS: [&str; 2] = ["A23", "A29"];

pub(in crate::format) fn structure(rule: &'static str) -> ReadError {
    ReadError::Structure {
        format: "an ADT-00 message",
        rule,
    }
}

/// The segments that are needed, decoded.
pub(in crate::format) struct Message {
    msh: Zeroizing<String>,
    pid: Zeroizing<String>,
    insurances: Vec<Zeroizing<String>>,
    /// Whose number another patient's takes the place of.
    mrg: Option<Zeroizing<String>>,
    /// The bytes are not in the encoding that MSH-18 names.
    disagrees: bool,
    /// A character outside the encoding was replaced.
    replaced: bool,
}

impl Message {
    pub(in crate::format) fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
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
        let (mut msh, mut pid, mut mrg, mut insurances) = (None, None, None, Vec::new());
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
            if !matches!(kind, b"MSH|" | b"PID|" | b"MRG|" | b"IN1|") {
                continue;
            }
            let text = decode(segment, iso, &mut replaced)?;
            match kind {
                b"MSH|" if msh.is_some() => {
                    return Err(structure("it holds more than one message"));
                }
                b"MSH|" => msh = Some(text),
                b"PID|" => pid = pid.or(Some(text)),
                b"MRG|" => mrg = mrg.or(Some(text)),
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
            mrg,
            disagrees,
            replaced,
        })
    }

    /// Whether the event deletes the patient.
    pub(in crate::format) fn is_deletion(&self) -> bool {
        DELETIONS.contains(&self.event().as_str())
    }

    /// The event in MSH-9. MSH-1 is the separator itself, so MSH fields stand one place earlier.
    pub(in crate::format) fn event(&self) -> Zeroizing<String> {
        component(field_of(&self.msh, 8), 2)
    }

    /// The patient's number that this message retires (MRG-1); empty if it retires none.
    pub(in crate::format) fn prior_id(&self) -> Zeroizing<String> {
        let segment = self.mrg.as_ref().map_or("", |segment| segment.as_str());
        let first = repetitions(field_of(segment, 1)).next().unwrap_or("");
        component(first, 1)
    }

    /// Feeds the numbers that could be forbidden ones to a screen.
    pub(in crate::format) fn screen(&self, screen: &mut Screen) {
        for (field, name) in [
            (2, "PID-2"),
            (3, "PID-3"),
            (4, "PID-4"),
            (18, "PID-18"),
            (19, "PID-19"),
        ] {
            for value in repetitions(field_of(&self.pid, field)) {
                screen.see(name, &component(value, 1));
                // The type of the identifier; of PID-19 a number alone.
                screen.see_kind(name, &component(value, 5));
            }
        }
        for insurance in &self.insurances {
            for value in repetitions(field_of(insurance, 10)) {
                screen.see("IN1-10", &component(value, 1));
            }
        }
    }

    /// The normalised record with what the message's bytes say about its quality.
    pub(in crate::format) fn record(
        &self,
        raw: &RawRecord,
        observed: bool,
    ) -> Result<SourceRecord, RowError> {
        let mut record = normalize::normalize_as(raw, observed)?;
        record
            .quality
            .insert_if(self.disagrees, Quality::EncodingDisagrees);
        record
            .quality
            .insert_if(self.replaced, Quality::ReplacedCharacter);
        Ok(record)
    }

    pub(in crate::format) fn patient_id(&self) -> Zeroizing<String> {
        let first = repetitions(field_of(&self.pid, 3)).next().unwrap_or("");
        component(first, 1)
    }

    pub(in crate::format) fn raw(&self, local_id: &str) -> Result<RawRecord, ReadError> {
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
        set(RawField::Phone, &phone(&self.pid))?;
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
