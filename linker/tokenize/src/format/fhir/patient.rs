//! One Patient resource to raw values.

use zeroize::Zeroizing;

use super::{
    super::is_kana_name,
    coverage::Coverages,
    insurance::member,
    model::{Address, ContactPoint, HumanName, Patient, Text},
};
use crate::{
    limits::VALUE_BYTES_MAX,
    normalize::insurance,
    record::{RawField, RawRecord},
};

/// Before the ten-digit code of the institution in the system of its patient numbers.
const INSTITUTION: &str = "urn:oid:1.2.392.100495.20.3.51.1";
const REPRESENTATION: &str = "iso21090-EN-representation";

/// The ten-digit code of the institution that a system of patient numbers names.
pub(super) fn institution(system: &str) -> Option<&str> {
    system.strip_prefix(INSTITUTION)
}

/// The raw values of a patient. The local number is the institution's, with the institution before it
/// if the file has patients of several, else the server's.
pub(super) fn raw(
    patient: &Patient,
    url: Option<&str>,
    several: bool,
    coverages: &Coverages,
) -> RawRecord {
    let mut raw = RawRecord::new();
    set(&mut raw, RawField::RecordId, &local_id(patient, several));
    for name in patient.name.iter() {
        self::name(&mut raw, name);
    }
    set(&mut raw, RawField::BirthDate, text(&patient.birth_date));
    set(&mut raw, RawField::Sex, text(&patient.gender));
    if let Some(home) = home(patient) {
        set(&mut raw, RawField::PostalCode, text(&home.postal_code));
        set(&mut raw, RawField::Address, &address(home));
    }
    set(&mut raw, RawField::Phone, phone(patient));
    if patient.deceased_boolean == Some(true) || patient.deceased_date_time.is_some() {
        set(&mut raw, RawField::Deceased, "Y");
    }
    let order = patient.multiple_birth_integer.is_some();
    if patient.multiple_birth_boolean == Some(true) || order {
        set(&mut raw, RawField::MultipleBirth, "Y");
    }
    let insurance = member(&patient.identifier);
    if let Some(insurance) = insurance.or_else(|| coverages.of(patient, url)) {
        set(&mut raw, RawField::Insurer, &insurance.insurer);
        set(&mut raw, RawField::InsuredSymbol, &insurance.symbol);
        set(&mut raw, RawField::InsuredNumber, &insurance.number);
        set(&mut raw, RawField::InsuredBranch, &insurance.branch);
    }
    raw
}

fn text(value: &Option<Text>) -> &str {
    value.as_deref().unwrap_or("").trim()
}

/// The first value that is there counts.
fn set(raw: &mut RawRecord, field: RawField, value: &str) {
    if raw.get(field).is_none() && !value.trim().is_empty() {
        raw.set(field, value.trim());
    }
}

fn local_id(patient: &Patient, several: bool) -> Zeroizing<String> {
    let of_system = patient.identifier.iter().find_map(|identifier| {
        let institution = institution(identifier.system.as_deref()?)?;
        Some((institution, identifier.value.as_deref()?))
    });
    let of_type = || {
        let mut all = patient.identifier.iter();
        let found = all.find(|identifier| {
            let mut codes = identifier.kind.coding.iter();
            codes.any(|coding| matches!(coding.code.as_deref(), Some("MR" | "PI")))
        })?;
        found.value.as_deref()
    };
    Zeroizing::new(match of_system {
        Some((institution, value)) if several => format!("{institution}-{value}"),
        Some((_, value)) => value.to_owned(),
        None => of_type().unwrap_or(text(&patient.id)).to_owned(),
    })
}

/// Puts a name where its representation says. Names that do not say how they are written are judged by
/// their characters.
fn name(raw: &mut RawRecord, name: &HumanName) {
    let former = match name.purpose.as_deref() {
        Some("old" | "maiden") => true,
        Some("nickname" | "anonymous" | "temp") => return,
        _ => false,
    };
    let mut extensions = name.extension.iter();
    let written = extensions.find(|extension| {
        let url = extension.url.as_deref();
        url.is_some_and(|url| url.ends_with(REPRESENTATION))
    });
    let whole = whole(name);
    let latin = is_latin(&whole);
    let kana = match written.and_then(|extension| extension.value_code.as_deref()) {
        Some("IDE") => false,
        Some("SYL") => true,
        // A Roman name beside a kanji name must not take its place, whichever comes first.
        Some("ABC") => return roman(raw, name, &whole, former),
        _ if latin => return roman(raw, name, &whole, former),
        _ => is_kana_name(&whole),
    };
    let field = match (former, kana) {
        (false, false) => RawField::KanjiName,
        (false, true) => RawField::KanaName,
        (true, false) => RawField::FormerKanjiName,
        (true, true) => RawField::FormerKanaName,
    };
    if field == RawField::KanjiName && raw.get(field).is_some_and(is_latin) {
        // The Roman name came first and stood in for a name that is there after all.
        raw.set(field, whole.as_str());
    } else {
        set(raw, field, &whole);
    }
}

/// A name in Latin letters serves the fields for Latin script, and stands in for the kanji name as
/// long as there is none.
fn roman(raw: &mut RawRecord, name: &HumanName, whole: &str, former: bool) {
    let given = given(name);
    if former {
        set(raw, RawField::FormerSurname, text(&name.family));
    } else {
        set(raw, RawField::Surname, text(&name.family));
        set(raw, RawField::GivenName, &given);
        set(raw, RawField::KanjiName, whole);
    }
}

fn is_latin(name: &str) -> bool {
    name.chars().any(char::is_alphabetic) && name.chars().all(|c| u32::from(c) < 0x250)
}

fn given(name: &HumanName) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::new());
    for part in name.given.iter().flatten() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(part.trim());
    }
    out
}

/// Family and given name, or the text if one of them is absent.
fn whole(name: &HumanName) -> Zeroizing<String> {
    let (family, given) = (text(&name.family), given(name));
    let parts = !family.is_empty() && !given.is_empty();
    let written = text(&name.text);
    Zeroizing::new(if parts || written.is_empty() {
        format!("{family} {}", *given).trim().to_owned()
    } else {
        written.to_owned()
    })
}

/// The home address, else the first that is not an old one.
fn home(patient: &Patient) -> Option<&Address> {
    let is = |address: &&Address, purpose| address.purpose.as_deref() == Some(purpose);
    let mut all = patient.address.iter();
    let home = all.find(|address| is(address, "home"));
    home.or_else(|| patient.address.iter().find(|address| !is(address, "old")))
}

/// The telephone at home, else the one that is carried, else another that is in use; empty without any.
fn phone(patient: &Patient) -> &str {
    let rank = |contact: &ContactPoint| match contact.purpose.as_deref() {
        Some("home") => Some(0),
        Some("mobile") => Some(1),
        Some("old") => None,
        _ => Some(2),
    };
    let phones = patient.telecom.iter().filter_map(|contact| {
        // A contact that does not say what it is can be one, if its value is.
        let phone = contact.system.as_deref().is_none_or(|at| at == "phone");
        let value = text(&contact.value);
        let value = value.strip_prefix("tel:").unwrap_or(value);
        let usable = phone && value.len() <= VALUE_BYTES_MAX && insurance::phone(value).is_some();
        usable.then_some((rank(contact)?, value))
    });
    // Of several with one rank the first counts.
    phones
        .min_by_key(|(rank, _)| *rank)
        .map_or("", |(_, value)| value)
}

/// The text, else prefecture, town and lines.
fn address(address: &Address) -> Zeroizing<String> {
    let written = text(&address.text);
    if !written.is_empty() {
        return Zeroizing::new(written.to_owned());
    }
    let mut out = Zeroizing::new(String::new());
    out.push_str(text(&address.state));
    out.push_str(text(&address.city));
    for line in address.line.iter().flatten() {
        out.push_str(line.trim());
    }
    out
}
