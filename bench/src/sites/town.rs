//! Extract of a residents' register: CSV in CP932, kana in half width, dates by era, own codes.

use std::io;

use super::{Card, KANJI_DIGITS, Seen, Site, Written, charset, kana, records, street};
use crate::{
    errors::Preset,
    people::{Date, Population, Sex, insurance::Kind, names::Names, places::Places},
};

/// The mapping that goes with the file.
pub const MAPPING: &str = r#"# Columns of the residents' register extract.
encoding = "cp932"
delimiter = ","

[[column]]
header = "宛名番号"
field = "record-id"
width = 10
pad = "0"

[[column]]
header = "氏名"
field = "kanji-name"

[[column]]
header = "氏名カナ"
field = "kana-name"

[[column]]
header = "旧氏"
field = "former-kanji-family"

[[column]]
header = "旧氏カナ"
field = "former-kana-family"

[[column]]
header = "生年月日"
field = "birth-date"

[[column]]
header = "性別"
field = "sex"

[[column]]
header = "郵便番号"
field = "postal-code"
width = 7
pad = "0"

[[column]]
header = "住所"
field = "address"

[[column]]
header = "国保保険者番号"
field = "insurer"
width = 8
pad = "0"

[[column]]
header = "国保記号"
field = "insured-symbol"

[[column]]
header = "国保番号"
field = "insured-number"
width = 7
pad = "0"

[[column]]
header = "国保枝番"
field = "insured-branch"
width = 2
pad = "0"

[sex]
male = ["1"]
female = ["2"]
"#;

const HEADER: &str = "宛名番号,世帯番号,氏名,氏名カナ,旧氏,旧氏カナ,生年月日,性別,続柄,郵便番号,住所,方書,\
                      国保保険者番号,国保記号,国保番号,国保枝番\r\n";

/// Writes the file to `out`. Every record is shown to `seen`.
///
/// # Errors
/// Whatever `out` or `seen` returns.
pub fn write(
    population: &Population,
    preset: Preset,
    out: &mut dyn io::Write,
    seen: &mut Seen<'_>,
) -> io::Result<()> {
    out.write_all(&charset::cp932(HEADER))?;
    records(population, Site::Town, preset, &mut |written| {
        out.write_all(&charset::cp932(&row(&written)))?;
        seen(&written)
    })
}

fn row(written: &Written) -> String {
    let separator = if written.roman { " " } else { "　" };
    let name = format!("{}{separator}{}", written.family_text(), written.given);
    let reading = format!("{} {}", written.family_kana, written.given_kana);
    let former = written
        .former_family
        .map(|name| Names::shipped().family(name));
    let place = Places::shipped().of(written.home);
    let address = street(written.home, &KANJI_DIGITS, ["丁目", "番地の", ""], false);
    let municipal = written
        .insurance
        .filter(|insurance| insurance.kind == Kind::Municipal);
    let card = municipal.and_then(|_| Card::of(written));
    let sex = match written.sex {
        Some(Sex::Male) => "1",
        Some(Sex::Female) => "2",
        None => "",
    };
    let cells = [
        written.local_id.clone(),
        String::new(),
        name,
        kana::half_width(reading.trim()),
        former.map(|name| name.text.clone()).unwrap_or_default(),
        former
            .map(|name| kana::half_width(&name.kana))
            .unwrap_or_default(),
        by_era(written.birth),
        sex.to_owned(),
        String::new(),
        if written.has_postal {
            place.postal.replace('-', "")
        } else {
            String::new()
        },
        if written.has_address {
            format!("{}{}{}{address}", place.prefecture, place.city, place.town)
        } else {
            String::new()
        },
        street(written.home, &KANJI_DIGITS, ["", "", ""], true)
            .split_once(' ')
            .map(|(_, building)| building.to_owned())
            .unwrap_or_default(),
        card.as_ref()
            .map(|card| card.insurer.clone())
            .unwrap_or_default(),
        card.as_ref()
            .map(|card| card.symbol.clone())
            .unwrap_or_default(),
        // A spreadsheet on the way dropped the leading zeros of numbers.
        card.as_ref()
            .map(|card| without_zeros(&card.number))
            .unwrap_or_default(),
        card.as_ref()
            .map(|card| without_zeros(&card.branch))
            .unwrap_or_default(),
    ];
    format!("{}\r\n", cells.join(","))
}

fn without_zeros(number: &str) -> String {
    number.trim_start_matches('0').to_owned()
}

/// A date by era, such as `S45.03.02`.
fn by_era(date: Date) -> String {
    let starts = [
        (
            'R',
            Date {
                year: 2019,
                month: 5,
                day: 1,
            },
        ),
        (
            'H',
            Date {
                year: 1989,
                month: 1,
                day: 8,
            },
        ),
        (
            'S',
            Date {
                year: 1926,
                month: 12,
                day: 25,
            },
        ),
        (
            'T',
            Date {
                year: 1912,
                month: 7,
                day: 30,
            },
        ),
        (
            'M',
            Date {
                year: 1868,
                month: 10,
                day: 23,
            },
        ),
    ];
    let (letter, start) = starts
        .into_iter()
        .find(|(_, start)| date >= *start)
        .unwrap_or((
            'M',
            Date {
                year: 1868,
                month: 1,
                day: 1,
            },
        ));
    let year = date.year - start.year + 1;
    format!("{letter}{year:02}.{:02}.{:02}", date.month, date.day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eras_change_on_their_day() {
        let text = |year, month, day| by_era(Date { year, month, day });
        assert_eq!(text(1989, 1, 7), "S64.01.07");
        assert_eq!(text(1989, 1, 8), "H01.01.08");
        assert_eq!(text(2019, 4, 30), "H31.04.30");
        assert_eq!(text(2026, 9, 1), "R08.09.01");
        assert_eq!(text(1926, 12, 24), "T15.12.24");
    }
}
