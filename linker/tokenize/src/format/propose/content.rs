//! What the values of a column look like. Counts only: no value is kept.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::header::Script;
use crate::{
    format::is_kana_name,
    normalize::{
        date::{self, BirthDate},
        insurance, text,
    },
    record::RawField,
};

/// Share of the filled values from which on a column is held to be of a kind, in hundredths. The rest
/// are what every real table has: unknown, refused, typed into the wrong column.
const MOST: u64 = 85;

/// Counts of one column.
#[derive(Default)]
pub(super) struct Content {
    pub(super) filled: u64,
    dates: u64,
    postal: u64,
    hyphened: u64,
    kana: u64,
    han: u64,
    latin: u64,
    figures: u64,
    sexes: u64,
    sex_words: u64,
    insurers: u64,
    places: u64,
    years: Option<(u16, u16)>,
    /// Fewest and most characters of a value.
    lengths: Option<(usize, usize)>,
    /// The first bytes of a hash of each value, to see whether values repeat.
    hashes: Zeroizing<Vec<u64>>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content(..)")
    }
}

impl Content {
    /// Looks at one value. `rows` is how many there will be at most.
    pub(super) fn see(&mut self, value: &str, rows: usize) {
        let value = text::clean(value);
        if value.is_empty() {
            return;
        }
        self.filled += 1;
        let length = value.chars().count();
        self.lengths = Some(widen(self.lengths, length));
        let figures = value.chars().all(|c| c.is_ascii_digit());
        let han = value.chars().any(text::is_han);
        let kana = is_kana_name(&value);
        let latin = value
            .chars()
            .all(|c| c.is_ascii_alphabetic() || " -'.,".contains(c));
        for (count, is) in [
            (&mut self.figures, figures),
            (&mut self.kana, kana),
            (&mut self.han, han),
            (&mut self.latin, latin),
            (&mut self.sexes, is_sex(&value)),
            (&mut self.sex_words, is_sex(&value) && !figures),
            (&mut self.places, han && is_place(&value)),
            (&mut self.insurers, figures && is_insurer(&value)),
        ] {
            *count += u64::from(is);
        }
        self.see_postal(&value);
        self.see_date(&value);
        if self.hashes.capacity() == 0 {
            self.hashes = Zeroizing::new(Vec::with_capacity(rows));
        }
        if self.hashes.len() < self.hashes.capacity() {
            let hash = Sha256::digest(value.as_bytes());
            let start = hash.first_chunk().copied().unwrap_or_default();
            self.hashes.push(u64::from_be_bytes(start));
        }
    }

    fn see_postal(&mut self, value: &str) {
        let seven = insurance::postal_code(value).is_some_and(|digits| digits.len() == 7);
        self.postal += u64::from(seven);
        let mut parts = value.trim_start_matches('〒').split(text::is_dash);
        let hyphened = parts.next().is_some_and(|part| part.trim().len() == 3)
            && parts.next().is_some_and(|part| part.len() == 4);
        self.hyphened += u64::from(seven && hyphened);
    }

    fn see_date(&mut self, value: &str) {
        match date::parse(value) {
            BirthDate::Whole { year, .. } => {
                self.dates += 1;
                self.years = Some(widen(self.years, year));
            }
            // "1234" is a year and could be anything.
            BirthDate::Partial => self.dates += u64::from(value.chars().count() >= 6),
            BirthDate::Placeholder => self.dates += 1,
            BirthDate::Unreadable => {}
        }
    }

    fn most(&self, count: u64) -> bool {
        self.filled > 0 && count * 100 >= self.filled * MOST
    }

    /// The script of a name; `None` if the values are no names or of many scripts.
    pub(super) fn script(&self) -> Option<Script> {
        if self.most(self.kana) {
            Some(Script::Kana)
        } else if self.most(self.han + self.kana) && self.han > self.kana {
            Some(Script::Kanji)
        } else if self.most(self.latin) {
            Some(Script::Latin)
        } else {
            None
        }
    }

    /// Whether no value is there twice.
    pub(super) fn distinct(&self) -> bool {
        let mut hashes = self.hashes.clone();
        hashes.sort_unstable();
        hashes.windows(2).all(|pair| pair[0] != pair[1])
    }

    /// Whether the values can be those of a field. A column without values contradicts nothing.
    pub(super) fn fits(&self, field: RawField) -> bool {
        use RawField::{
            Address, BirthDate, Block, Deceased, FormerKanaFamily, FormerKanaName,
            FormerKanjiFamily, FormerKanjiName, FormerSurname, GivenName, InsuredBranch,
            InsuredNumber, InsuredSymbol, Insurer, KanaFamily, KanaGiven, KanaName, KanjiFamily,
            KanjiGiven, KanjiName, MultipleBirth, Phone, PostalCode, RecordId, Sex, Street,
            Surname, Town,
        };
        if self.filled == 0 {
            return true;
        }
        match field {
            RecordId => !self.most(self.han) && !self.most(self.kana) && self.longest() <= 64,
            BirthDate => self.most(self.dates),
            Sex => self.most(self.sexes),
            PostalCode => self.most(self.postal),
            Address | Town => self.most(self.han),
            Block => !self.most(self.kana),
            Phone => !self.most(self.han) && !self.most(self.kana),
            Street | GivenName | Surname | FormerSurname => !self.most(self.han),
            Insurer => self.most(self.insurers),
            InsuredSymbol | InsuredNumber => !self.most(self.dates) || self.most(self.figures),
            InsuredBranch => self.longest() <= 2,
            Deceased | MultipleBirth => !self.most(self.dates),
            KanjiName | KanjiFamily | KanjiGiven | FormerKanjiName | FormerKanjiFamily => {
                self.script() == Some(Script::Kanji)
            }
            KanaName | KanaFamily | KanaGiven | FormerKanaName | FormerKanaFamily => {
                self.script() == Some(Script::Kana)
            }
        }
    }

    /// What the values are without a word from the header. Never sure: a day of admission is a date
    /// too, and a ward has a name in kanji.
    pub(super) fn guess(&self) -> Option<RawField> {
        if self.most(self.sex_words) {
            Some(RawField::Sex)
        } else if self.most(self.hyphened) {
            Some(RawField::PostalCode)
        } else if self.most(self.dates) {
            let (first, last) = self.years?;
            // People are born over generations; admissions and visits lie within a few years.
            (last - first >= 20).then_some(RawField::BirthDate)
        } else if self.most(self.places) {
            Some(RawField::Address)
        } else if self.most(self.kana) {
            Some(RawField::KanaName)
        } else if self.script() == Some(Script::Kanji) && self.longest() <= 16 && self.distinct() {
            Some(RawField::KanjiName)
        } else {
            None
        }
    }

    /// Whether the values can number records: something short, each another.
    pub(super) fn numbers_records(&self) -> bool {
        let plain = !self.most(self.han) && !self.most(self.kana) && !self.most(self.dates);
        self.filled > 1 && plain && self.longest() <= 20 && self.distinct()
    }

    /// The width to which figures are padded, if they are of different lengths as spreadsheets leave
    /// them that drop leading zeros.
    pub(super) fn width(&self) -> Option<usize> {
        let (shortest, longest) = self.lengths?;
        (self.figures == self.filled && shortest < longest && longest >= 4).then_some(longest)
    }

    /// Whether most values are figures or dates, which no header is.
    pub(super) fn is_no_text(&self) -> bool {
        self.most(self.figures) || self.most(self.dates) || self.most(self.postal)
    }

    fn longest(&self) -> usize {
        self.lengths.map_or(0, |(_, longest)| longest)
    }
}

fn widen<T: Ord + Copy>(range: Option<(T, T)>, value: T) -> (T, T) {
    range.map_or((value, value), |(low, high)| {
        (low.min(value), high.max(value))
    })
}

/// The usual codes and words.
fn is_sex(value: &str) -> bool {
    matches!(
        value,
        "0" | "1"
            | "2"
            | "3"
            | "9"
            | "01"
            | "02"
            | "男"
            | "女"
            | "男性"
            | "女性"
            | "M"
            | "F"
            | "m"
            | "f"
            | "オトコ"
            | "オンナ"
            | "不明"
            | "その他"
    ) || ["male", "female", "unknown", "other"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

fn is_insurer(value: &str) -> bool {
    insurance::insurer(value).is_some_and(|number| insurance::insurer_check(&number))
}

/// A place: a name alone has no figures and none of the words for towns.
fn is_place(value: &str) -> bool {
    let town = value.chars().any(|c| "都道府県市区町村郡".contains(c));
    town && (value.chars().any(char::is_numeric) || value.chars().count() >= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[&str]) -> Content {
        let mut content = Content::default();
        for value in values {
            content.see(value, values.len());
        }
        content
    }

    #[test]
    fn values_show_what_they_are() {
        for (values, expected) in [
            (
                &["昭和45年3月2日", "H12.1.1", "1931-02-03", ""][..],
                Some(RawField::BirthDate),
            ),
            (&["2024-04-01", "2024-04-02", "20240403"], None),
            (&["123-4567", "〒100-0001", "2310001"], None),
            (
                &["123-4567", "〒100-0001", "231－0001"],
                Some(RawField::PostalCode),
            ),
            (&["男", "女", "男", "男性"], Some(RawField::Sex)),
            (&["1", "2", "1"], None),
            (
                &["アイ ウエ", "ｱｲ ｳｴｵ", "あい うえお"],
                Some(RawField::KanaName),
            ),
            (
                &["木木 一", "川川 二", "田田 三"],
                Some(RawField::KanjiName),
            ),
            (&["内科", "外科", "内科", "内科"], None),
            (
                &["中央市本町１－２", "北区東１丁目2番"],
                Some(RawField::Address),
            ),
            (&["A-1", "B-2"], None),
            (&[], None),
        ] {
            assert_eq!(seen(values).guess(), expected, "{values:?}");
        }
    }

    #[test]
    fn a_column_contradicts_a_header() {
        let kana = seen(&["アイウ", "カキク", "サシス"]);
        assert!(kana.fits(RawField::KanaName) && !kana.fits(RawField::KanjiName));
        assert!(!kana.fits(RawField::BirthDate) && !kana.fits(RawField::RecordId));
        let numbers = seen(&["0000001", "0000002", "12"]);
        assert!(numbers.fits(RawField::RecordId) && !numbers.fits(RawField::Sex));
        assert_eq!(numbers.width(), Some(7));
        assert!(numbers.numbers_records());
        assert!(!seen(&["1", "1"]).numbers_records());
        assert!(seen(&[]).fits(RawField::Sex));
    }

    #[test]
    fn nothing_is_printed() {
        assert_eq!(format!("{:?}", seen(&["123-4567"])), "Content(..)");
    }
}
