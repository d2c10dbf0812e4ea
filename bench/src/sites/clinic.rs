//! Claims of one month (レセプト電算, UKE): CP932, comma separated, no quotes.
//!
//! Records: IR (institution), then for each patient RE (name, sex, birth date, chart number, kana), HO or KO (who
//! pays), SN (number as confirmed on line, with the branch), SI (one item of treatment), and GO at the end.

use std::io;

use super::{Card, Seen, Site, Written, charset, records};
use crate::{
    errors::Preset,
    people::{Population, Sex, insurance::Kind},
};

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
    out.write_all(&charset::cp932(
        "IR,1,21,1,1234567,,みほん内科クリニック,202610,00,0580000000\r\n",
    ))?;
    let (mut count, mut points) = (0_u64, 0_u64);
    records(population, Site::Clinic, preset, &mut |written| {
        count += 1;
        points += 360;
        out.write_all(&charset::cp932(&receipt(count, &written)))?;
        seen(&written)
    })?;
    out.write_all(&charset::cp932(&format!("GO,{count},{points},99\r\n")))?;
    out.write_all(&[0x1a])
}

fn receipt(number: u64, written: &Written) -> String {
    let sex = match written.sex {
        Some(Sex::Female) => "2",
        Some(Sex::Male) | None => "1",
    };
    // Field 14 is the chart number, 37 the kana name, both counted from the record's mark as 1.
    let mut fields = vec![String::new(); 37];
    for (place, value) in [
        (1, "RE"),
        (2, &number.to_string()),
        (3, "1112"),
        (4, "202609"),
        (5, &name(written)),
        (6, sex),
        (7, &written.birth.compact()),
        (14, &written.local_id),
        (
            37,
            &format!("{}{}", written.family_kana, written.given_kana),
        ),
    ] {
        value.clone_into(&mut fields[place - 1]);
    }
    let mut out = format!("{}\r\n", fields.join(","));
    out.push_str(&payer(written));
    out.push_str("SI,12,1,112007410,,76,1,,,,,,,,1\r\n");
    out
}

fn name(written: &Written) -> String {
    let separator = match (written.unsplit, written.roman) {
        (_, true) => " ",
        (true, false) => "",
        (false, false) => "　",
    };
    // Forty bytes at most: twenty kanji, or a Roman name cut short.
    let name = format!("{}{separator}{}", written.family_text(), written.given);
    name.chars()
        .take(if written.roman { 40 } else { 20 })
        .collect()
}

fn payer(written: &Written) -> String {
    let Some(card) = Card::of(written) else {
        let assistance = written
            .insurance
            .filter(|insurance| insurance.kind == Kind::Assistance);
        return assistance
            .map(|it| {
                format!(
                    "KO,{},{},,1,360,,,,\r\n",
                    it.insurer_number(),
                    it.number_text()
                )
            })
            .unwrap_or_default();
    };
    let Card {
        insurer,
        symbol,
        number,
        branch,
    } = card;
    let (symbol, number) = (charset::full_width(&symbol), charset::full_width(&number));
    let mut out = format!("HO,{insurer:>8},{symbol},{number},1,360,,,,,,,,\r\n");
    if !branch.is_empty() {
        out.push_str(&format!(
            "SN,1,01,{insurer:>8},{symbol},{number},{branch},,\r\n"
        ));
    }
    out
}
