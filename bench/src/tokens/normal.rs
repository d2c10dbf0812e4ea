//! What the normaliser makes of a record, without writing the record into a file and reading it again.
//!
//! Names are put together from pieces that the normaliser saw once. Whatever is out of the ordinary (a note, a
//! character that the site cannot write, a name in Roman letters, a placeholder of a date) goes through the
//! normaliser itself. A test holds the outcome equal to that of the real files and readers.

use std::{collections::HashMap, fmt::Write as _, ops::Range};

use encoding_rs::{ISO_2022_JP, SHIFT_JIS};
use linker_token::{Field, Flags};
use linker_tokenize::{
    Identifiers, RawField, RawRecord, SourceRecord,
    normalize::{
        self, address, insurance,
        kana::{self, Step},
        kanji,
        name::{Name, Script},
        postal,
    },
};

use crate::{
    limits::{FORMS_MAX, REGION_PEOPLE},
    people::{
        insurance::{Insurance, Kind},
        names::{FamilyName, Names},
        person::TODAY,
        places::Places,
    },
    sites::{Site, Written, charset, kana::half_width},
};

/// One record in normal form.
pub(super) struct Normal {
    pub(super) identifiers: Identifiers,
    pub(super) former: Option<Identifiers>,
    pub(super) flags: Flags,
}

/// Which rules a piece of a name went through.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Rules {
    Kanji,
    Kana,
}

/// A piece of a name as a site writes it: its normal form and whether it has a kanji.
type Piece = Option<(String, bool)>;

/// Normal forms of pieces that occurred before.
pub(super) struct Forms {
    names: HashMap<(Rules, bool), HashMap<String, Piece>>,
    towns: HashMap<(u16, u32), Option<String>>,
    insurers: Vec<(Kind, u16, Option<String>, String)>,
    /// The fields of the present record, one after another.
    text: String,
    fields: Vec<(Field, Range<usize>)>,
}

impl Forms {
    pub(super) fn new() -> Self {
        Self {
            names: HashMap::new(),
            towns: HashMap::new(),
            insurers: Vec::new(),
            text: String::new(),
            fields: Vec::new(),
        }
    }

    /// The normal form of a record as the readers of `site` would deliver it.
    pub(super) fn of(&mut self, site: Site, written: &Written) -> Normal {
        self.text.clear();
        self.fields.clear();
        let usual = written.birth.year > 1900
            && written.former_family.is_none()
            && !written.roman
            && self.names(site, written);
        let twin = site == Site::Hospital && written.twin && is_infant(written);
        let (mut former, mut flags) = (None, Flags::default());
        if usual {
            self.birth(site, written);
            if twin {
                flags = flags.with(Flags::TWIN_OR_NEWBORN);
            }
        } else {
            self.text.clear();
            self.fields.clear();
            let record = unusual(site, written, twin);
            flags = record.as_ref().map_or(
                Flags::WEAK_EVIDENCE.with(Flags::PARTIAL_BIRTH),
                SourceRecord::flags,
            );
            if let Some(record) = &record {
                self.take(record.identifiers());
            }
            former = record.and_then(|record| record.former().cloned());
        }
        let shared = self.fields.len();
        if site != Site::Clinic {
            self.place(written);
        }
        self.insurance(site, written);
        Normal {
            former: former.map(|former| self.joined(&former, shared)),
            identifiers: self.joined(&Identifiers::default(), 0),
            flags,
        }
    }

    fn put(&mut self, field: Field, value: impl FnOnce(&mut String)) {
        let start = self.text.len();
        value(&mut self.text);
        self.fields.push((field, start..self.text.len()));
    }

    /// Takes over what the normaliser made of names, date and sex.
    fn take(&mut self, identifiers: &Identifiers) {
        for (field, value) in identifiers.iter() {
            if field != Field::Insurer {
                self.put(field, |text| text.push_str(value));
            }
        }
    }

    /// The values of `others` and of this record's fields from `from` on.
    fn joined(&self, others: &Identifiers, from: usize) -> Identifiers {
        let others = others.iter().filter(|(field, _)| *field != Field::Insurer);
        let own = self.fields[from..].iter();
        let own = own.map(|(field, range)| (*field, &self.text[range.clone()]));
        let values: Vec<(Field, &str)> = others.chain(own).collect();
        Identifiers::from_normal(&values)
    }

    /// `false`: the name is not made of usual pieces.
    fn names(&mut self, site: Site, written: &Written) -> bool {
        let family = written.family_text();
        if family.chars().count() + written.given.chars().count() >= 20 {
            return false;
        }
        let start = self.text.len();
        let Some(true) = self.append(Rules::Kanji, site, &family) else {
            return false;
        };
        if self.append(Rules::Kanji, site, &written.given).is_none() {
            return false;
        }
        let middle = self.text.len();
        self.fields.push((Field::KanjiName, start..middle));
        if written.family_kana.is_empty() && written.given_kana.is_empty() {
            return true;
        }
        let usual = [&written.family_kana, &written.given_kana]
            .into_iter()
            .all(|kana| self.append(Rules::Kana, site, kana).is_some());
        self.fields.push((Field::KanaName, middle..self.text.len()));
        usual
    }

    /// Appends the normal form of a piece. Whether it has a kanji; `None` if it is unusual.
    fn append(&mut self, script: Rules, site: Site, text: &str) -> Option<bool> {
        let known = self
            .names
            .entry((script, site == Site::Hospital))
            .or_default();
        if !known.contains_key(text) {
            if known.len() >= FORMS_MAX {
                known.clear();
            }
            known.insert(text.to_owned(), piece(script, site, text));
        }
        let (form, has_kanji) = known.get(text)?.as_ref()?;
        self.text.push_str(form);
        Some(*has_kanji)
    }

    fn birth(&mut self, site: Site, written: &Written) {
        let birth = written.birth;
        self.put(Field::BirthYear, |text| digits(text, birth.year.into(), 4));
        self.put(Field::BirthMonth, |text| {
            digits(text, birth.month.into(), 2);
        });
        self.put(Field::BirthDay, |text| digits(text, birth.day.into(), 2));
        if let Some(sex) = sex(site, written) {
            self.put(Field::Sex, |text| text.push_str(sex));
        }
    }

    fn place(&mut self, written: &Written) {
        let home = written.home;
        let region = written.person / REGION_PEOPLE;
        // Only the first region's cities exist, so only its gaps are filled from the table of postal codes.
        if region == 0 && written.has_postal != written.has_address {
            self.filled_place(written);
        } else {
            self.written_place(written, region);
        }
        if written.has_address {
            self.put(Field::Block, |text| {
                if home.district > 0 {
                    let _infallible = write!(text, "{}-", home.district);
                }
                let _infallible = write!(text, "{}-{}", home.block, home.house);
            });
        }
    }

    /// Postal code and town of which the record has one, as far as the table knows the other.
    fn filled_place(&mut self, written: &Written) {
        let code = if written.has_postal {
            Places::shipped().of(written.home).postal.replace('-', "")
        } else {
            String::new()
        };
        let known = town(written.home.place, written, 0);
        let known = known.filter(|_| written.has_address).unwrap_or_default();
        let filled = postal::fill(&code, None, &known);
        for (field, value) in [
            (Field::PostalCode, filled.code.unwrap_or(code)),
            (Field::Town, filled.town.unwrap_or(known)),
        ] {
            if !value.is_empty() {
                self.put(field, |text| text.push_str(&value));
            }
        }
    }

    fn written_place(&mut self, written: &Written, region: u32) {
        let home = written.home;
        if written.has_postal {
            let postal = Places::shipped().of(home).postal.replace('-', "");
            let number: u32 = postal.parse().unwrap_or(0);
            // Steps of a prime that divides no power of ten: no two regions share a code before the 600th.
            let number = (number + region * 12_347) % 10_000_000;
            self.put(Field::PostalCode, |text| digits(text, number, 7));
        }
        if !written.has_address {
            return;
        }
        let known = self.towns.entry((home.place, region));
        if let Some(town) = known.or_insert_with(|| town(home.place, written, region)) {
            let start = self.text.len();
            self.text.push_str(town);
            self.fields.push((Field::Town, start..self.text.len()));
        }
    }

    fn insurance(&mut self, site: Site, written: &Written) {
        let Some(insurance) = written.insurance.filter(|insurance| match site {
            Site::Town => insurance.kind == Kind::Municipal,
            Site::Hospital | Site::Clinic => insurance.kind != Kind::Assistance,
        }) else {
            return;
        };
        let same = |known: &&(Kind, u16, Option<String>, String)| {
            (known.0, known.1) == (insurance.kind, insurance.insurer)
        };
        if self.insurers.iter().find(same).is_none() {
            self.insurers.push(insurer(&insurance));
        }
        let known = self.insurers.iter().find(same);
        let Some((_, _, number, symbol)) = known else {
            return;
        };
        if let Some(number) = number {
            let start = self.text.len();
            self.text.push_str(number);
            self.fields.push((Field::Insurer, start..self.text.len()));
        }
        if insurance.number == 0 {
            return;
        }
        let start = self.text.len();
        self.text.push_str(symbol);
        if matches!(insurance.kind, Kind::Association | Kind::Union) {
            let _infallible = write!(self.text, "{}:", insurance.symbol);
        }
        let _infallible = write!(self.text, "{}", insurance.number);
        self.fields
            .push((Field::InsuredNumber, start..self.text.len()));
        // On the way to the register's extract a spreadsheet drops zeros, and all of `00`.
        let lost = site == Site::Town && insurance.branch == 0;
        if written.has_branch && insurance.kind != Kind::LateElderly && !lost {
            self.put(Field::InsuredBranch, |text| {
                digits(text, insurance.branch.into(), 2);
            });
        }
    }
}

/// Figures with leading zeros.
fn digits(text: &mut String, number: u32, width: usize) {
    let _infallible = write!(text, "{number:0width$}");
}

/// Claims know no third code, so what is not known becomes the first.
fn sex(site: Site, written: &Written) -> Option<&'static str> {
    use crate::people::Sex;
    match written.sex {
        Some(Sex::Male) => Some("1"),
        Some(Sex::Female) => Some("2"),
        None if site == Site::Clinic => Some("1"),
        None => None,
    }
}

/// Less than two years old. A mistyped date may lie after today.
fn is_infant(written: &Written) -> bool {
    let months = |year: u16, month: u8| u32::from(year) * 12 + u32::from(month);
    let late = u32::from(written.birth.day > TODAY.day);
    months(TODAY.year, TODAY.month) < months(written.birth.year, written.birth.month) + 24 + late
}

/// The text after it was written in the site's character set.
fn as_written(site: Site, text: &str) -> String {
    match site {
        Site::Hospital => ISO_2022_JP
            .decode(&charset::iso_2022_jp(text))
            .0
            .into_owned(),
        Site::Town | Site::Clinic => SHIFT_JIS.decode(&charset::cp932(text)).0.into_owned(),
    }
}

fn piece(script: Rules, site: Site, text: &str) -> Piece {
    let name = Name::parse(&as_written(site, text));
    // Behind one character alone the normaliser takes no title for a title.
    if name.note || name.newborn || name.test || name.text.ends_with(['様', '殿']) {
        return None;
    }
    match (script, name.script()) {
        (Rules::Kanji, found @ (Script::Han | Script::Kana)) => {
            Some((kanji::strict(&name.joined()), found == Script::Han))
        }
        (Rules::Kana, Script::Kana) => Some((kana::ladder(&name.joined(), Step::K2), false)),
        (_, Script::None | Script::Wildcard | Script::Latin | Script::Other | Script::Han) => None,
    }
}

/// Names, date and sex through the normaliser. An insurer keeps a record that has nothing else alive.
fn unusual(site: Site, written: &Written, twin: bool) -> Option<SourceRecord> {
    use RawField as R;
    let text = |text: &str| as_written(site, text);
    let (blank, roman) = match (site, written.unsplit) {
        (Site::Clinic, true) if !written.roman => ("", false),
        (Site::Hospital, _) => ("　", written.roman),
        _ => (" ", false),
    };
    let mut kanji = format!("{}{blank}{}", written.family_text(), written.given);
    if roman {
        kanji = charset::full_width(&kanji);
    }
    if site == Site::Clinic {
        let most = if written.roman { 40 } else { 20 };
        kanji = kanji.chars().take(most).collect();
    }
    let mut raw = RawRecord::new()
        .with(R::RecordId, "1")
        .with(R::Insurer, "01130012")
        .with(R::KanjiName, text(&kanji))
        .with(R::BirthDate, written.birth.compact())
        .with(R::Sex, sex(site, written).unwrap_or_default());
    let blank = if site == Site::Clinic { "" } else { " " };
    let kana = format!("{}{blank}{}", written.family_kana, written.given_kana);
    let kana = if site == Site::Town {
        half_width(kana.trim())
    } else {
        kana
    };
    raw.set(R::KanaName, text(&kana));
    if let Some(former) = written.former_family.filter(|_| site == Site::Town) {
        let former = Names::shipped().family(former);
        raw.set(R::FormerKanjiFamily, text(&former.text));
        raw.set(R::FormerKanaFamily, text(&half_width(&former.kana)));
    }
    if twin {
        raw.set(R::MultipleBirth, "Y");
    }
    normalize::normalize(&raw).ok()
}

/// The town of a place. Two cities do not hold a hundred million people: every [`REGION_PEOPLE`] of them live
/// in cities of other names, with the same towns in them.
fn town(place: u16, written: &Written, region: u32) -> Option<String> {
    let names = Names::shipped();
    let shipped = Places::shipped().of(crate::people::places::Address {
        place,
        ..written.home
    });
    let city = if region == 0 {
        shipped.city.to_owned()
    } else {
        let name = &names.family(FamilyName(region)).text;
        format!("{name}{}", shipped.city)
    };
    let text = format!("{}{city}{}1番1号", shipped.prefecture, shipped.town);
    let town = address::parse(&text).town;
    (!town.is_empty()).then_some(town)
}

/// Number of the insurer and what stands before the insured's number.
fn insurer(it: &Insurance) -> (Kind, u16, Option<String>, String) {
    let symbol = match it.kind {
        Kind::Association | Kind::Union => String::new(),
        Kind::Municipal | Kind::Mutual | Kind::LateElderly | Kind::Assistance => {
            let whole = insurance::insured(Some(&it.symbol_text()), "1").unwrap_or_default();
            whole.trim_end_matches('1').to_owned()
        }
    };
    let number = insurance::insurer(&it.insurer_number());
    (it.kind, it.insurer, number, symbol)
}

#[cfg(test)]
mod tests;
