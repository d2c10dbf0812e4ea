//! Responses of online eligibility checks (オンライン資格確認): XML with any number of insured persons.
//!
//! The local number of a record is the reference number (照会番号) that the institution registered for
//! the person. Without one it is made of the institution and the insurance, because a response has no
//! other number. Sex is read from `Sex1` only: `Sex2` is filled where a person asked not to have it
//! shown. A qualification that is no longer valid is still a name, a birth date and a number that once
//! was this person's, so it is read like any other.

use zeroize::Zeroizing;

use super::{
    FileReport, RowSink,
    blocks::{BlockSink, File, Stopped, in_memory},
    xml::{self, Document, Node, Walker},
};
use crate::{
    error::{ReadError, RowError},
    limits::ELIGIBILITY_BYTES_MAX,
    normalize,
    quality::Quality,
    record::{RawField, RawRecord},
    refuse::{Refusal, Screen, header_hint},
};

const FORMAT: &str = "an eligibility response";
const ROOT: &str = "XmlMsg";
const PERSON: &str = "ResultOfQualificationConfirmation";
const INSTITUTION: &str = "MedicalInstitutionCode";
const CHARACTERS: &str = "CharacterCodeIdentifier";
const REASON: &str = "ReasonOfLoss";
/// The reason of loss that says that the person has died.
const DIED: &str = "01";

/// What is read of a person.
const FIELDS: [(&str, RawField); 14] = [
    ("ReferenceNumber", RawField::RecordId),
    ("Name", RawField::KanjiName),
    ("NameKana", RawField::KanaName),
    ("NameOfOther", RawField::FormerKanjiName),
    ("NameOfOtherKana", RawField::FormerKanaName),
    ("Birthdate", RawField::BirthDate),
    ("Sex1", RawField::Sex),
    ("PostNumber", RawField::PostalCode),
    ("Address", RawField::Address),
    ("InsurerNumber", RawField::Insurer),
    ("InsuredCardSymbol", RawField::InsuredSymbol),
    ("InsuredIdentificationNumber", RawField::InsuredNumber),
    ("InsuredBranchNumber", RawField::InsuredBranch),
    (REASON, RawField::Deceased),
];

const NAMES: &[&str] = &[
    ROOT,
    PERSON,
    INSTITUTION,
    CHARACTERS,
    "ReferenceNumber",
    "Name",
    "NameKana",
    "NameOfOther",
    "NameOfOtherKana",
    "Birthdate",
    "Sex1",
    "PostNumber",
    "Address",
    "InsurerNumber",
    "InsuredCardSymbol",
    "InsuredIdentificationNumber",
    "InsuredBranchNumber",
    REASON,
];

/// Whether a file looks like a response.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    xml::starts_with_root(bytes, ROOT)
}

/// Reads a response. Each insured person is one row; their numbers count from 1.
///
/// # Errors
/// [`ReadError`] if the file is cut, no response, or holds forbidden numbers; then `sink` was never
/// called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    in_memory(bytes, sink, |file, sink| read_file(file, None, sink))
}

/// Reads a response of at most [`ELIGIBILITY_BYTES_MAX`] bytes, as [`read`] does. Its numbers are also fed to
/// the `screen` that judges all files of a source, as in [`screen`].
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    all: Option<&mut Screen>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let limit = ELIGIBILITY_BYTES_MAX;
    if file.length() > limit as u64 {
        let what = "an eligibility response";
        return Err(Stopped::File(ReadError::TooLarge { what, limit }));
    }
    let bytes = file.head(limit)?;
    let document = Document::decode(&bytes)?;
    let mut screen = Screen::new();
    let disagrees = screen_document(&document, &mut screen)?;
    if let Some(all) = all {
        screen_document(&document, all)?;
    }
    screen.verdict().map_err(ReadError::Refused)?;

    let mut report = FileReport::new(document.encoding);
    let observed = file.is_observed();
    let mut persons = Persons::new(&document);
    while let Some(person) = persons.next(None)? {
        let outcome = match person.error {
            Some(error) => Err(error),
            None => normalize::normalize_as(&person.raw, observed),
        };
        let outcome = outcome.map(|mut record| {
            record
                .quality
                .insert_if(disagrees, Quality::EncodingDisagrees);
            record
        });
        report.deliver(report.rows + 1, outcome, sink)?;
    }
    Ok(report)
}

/// Feeds one file's numbers to a screen that judges all files of a source: a response of one person
/// proves nothing.
///
/// # Errors
/// [`ReadError`] if it is no response, or an element says that it holds a forbidden number.
pub fn screen(bytes: &[u8], screen: &mut Screen) -> Result<(), ReadError> {
    screen_document(&Document::decode(bytes)?, screen).map(drop)
}

/// Walks over the whole document. Returns whether its encoding is not the declared one.
fn screen_document(document: &Document<'_>, screen: &mut Screen) -> Result<bool, ReadError> {
    let mut hint = None;
    let mut persons = Persons::new(document);
    while let Some(person) = persons.next(Some(&mut hint))? {
        for (name, field) in FIELDS {
            screen.see(name, person.raw.get(field).unwrap_or(""));
        }
    }
    match hint {
        Some(number) => Err(ReadError::Refused(Refusal::by_place(
            number,
            "an element of a person",
        ))),
        None => Ok(persons.walker.disagrees()),
    }
}

struct Person {
    raw: RawRecord,
    error: Option<RowError>,
}

/// The persons of a response, one after another.
struct Persons<'t> {
    walker: Walker<'t>,
    institution: Zeroizing<String>,
}

impl<'t> Persons<'t> {
    fn new(document: &'t Document<'_>) -> Self {
        Self {
            walker: document.walk(NAMES, FORMAT),
            institution: Zeroizing::new(String::new()),
        }
    }

    /// The next person. `hint` takes note of an element whose name is that of a forbidden number.
    fn next(
        &mut self,
        mut hint: Option<&mut Option<crate::RefusedNumber>>,
    ) -> Result<Option<Person>, ReadError> {
        let mut person = None;
        while let Some(node) = self.walker.next()? {
            if self.walker.path().first() != Some(&ROOT) {
                let (format, rule) = (FORMAT, "its root element is not XmlMsg");
                return Err(ReadError::Structure { format, rule });
            }
            let inside = match self.walker.path() {
                [.., PERSON, leaf] => Some(*leaf),
                _ => None,
            };
            match node {
                Node::Open(tag) => {
                    if self.walker.path().last() == Some(&PERSON) {
                        person = Some(Person {
                            raw: RawRecord::new(),
                            error: None,
                        });
                    }
                    if let Some(hint) = hint.as_deref_mut()
                        && inside == Some("")
                    {
                        *hint = hint.or_else(|| forbidden(tag.local_name().as_ref()));
                    }
                }
                Node::Close if self.walker.path().last() == Some(&PERSON) => {
                    if let Some(mut person) = person {
                        self.name(&mut person.raw);
                        return Ok(Some(person));
                    }
                }
                Node::Close => match (&mut person, inside) {
                    (Some(person), Some(leaf)) => self.take(person, leaf),
                    _ => self.header(),
                },
            }
        }
        Ok(None)
    }

    fn take(&self, person: &mut Person, leaf: &str) {
        let Some(&(_, field)) = FIELDS.iter().find(|(name, _)| *name == leaf) else {
            return;
        };
        match self.walker.value(field.tag()) {
            Ok("") => {}
            Ok(value) if field == RawField::Deceased => {
                if value == DIED {
                    person.raw.set(field, "Y");
                }
            }
            Ok(value) => person.raw.set(field, value),
            Err(error) => {
                person.error.get_or_insert(error);
            }
        }
    }

    fn header(&mut self) {
        let leaf = self.walker.path().last().copied();
        let value = Zeroizing::new(self.walker.value("the header").unwrap_or("").to_owned());
        match leaf {
            Some(INSTITUTION) => self.institution = value,
            Some(CHARACTERS) => match value.as_str() {
                "0" => self.walker.declared("UTF-8"),
                "1" => self.walker.declared("Shift_JIS"),
                _ => {}
            },
            _ => {}
        }
    }

    /// A local number for a person without a reference number.
    fn name(&self, raw: &mut RawRecord) {
        if raw.get(RawField::RecordId).is_some() || raw.get(RawField::InsuredNumber).is_none() {
            return;
        }
        let mut id = Zeroizing::new(format!("eligibility-{}", *self.institution));
        for field in [
            RawField::Insurer,
            RawField::InsuredSymbol,
            RawField::InsuredNumber,
            RawField::InsuredBranch,
        ] {
            id.push('-');
            id.push_str(raw.get(field).unwrap_or(""));
        }
        raw.set(RawField::RecordId, id.as_str());
    }
}

/// The forbidden number that the name of an element speaks of. Most names are passed quickly.
fn forbidden(name: &str) -> Option<crate::RefusedNumber> {
    let plain = name.to_ascii_lowercase();
    let suspect = ["number", "kojin", "juminhyo", "residence"];
    let suspect = !name.is_ascii() || suspect.iter().any(|word| plain.contains(word));
    suspect.then(|| header_hint(name)).flatten()
}
