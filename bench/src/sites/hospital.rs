//! SS-MIX2 standardised storage: a tree of ADT-00 messages in HL7 v2.5, ISO-2022-JP.
//!
//! Path: first three characters of the patient number / next three / patient number / `-` / `ADT-00` / file.
//! File: `number_-_ADT-00_999999999999999_time_-_flag`, flag 1 current, 2 old version, 0 deleted. Some patients
//! have an old version beside the current one, a few only a deleted one, which no reader may take for a patient.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Card, DIGITS, Seen, Site, Written, charset, records, street};
use crate::{
    errors::Preset,
    people::{Date, Population, Sex, places::Places},
};

/// Every how many patients there is an old version beside the current one.
const OLD_EVERY: u64 = 23;
/// Every how many patients there is somebody whose record was deleted.
const DELETED_EVERY: u64 = 101;

/// Writes the tree. Every current record is shown to `seen`.
///
/// # Errors
/// The first file that cannot be written, or whatever `seen` returns.
pub fn write(
    population: &Population,
    preset: Preset,
    root: &Path,
    seen: &mut Seen<'_>,
) -> io::Result<()> {
    let mut count = 0_u64;
    records(population, Site::Hospital, preset, &mut |written| {
        let time = Date::months_ago(written.as_of);
        let folder = make_folder(root, &written.local_id)?;
        let name = file_name(&written.local_id, time, 1);
        fs::write(folder.join(name), message(&written, "A08"))?;
        if count.is_multiple_of(OLD_EVERY) {
            let old = Written {
                as_of: written.as_of + 7,
                ..written.clone()
            };
            let name = file_name(&old.local_id, Date::months_ago(old.as_of), 2);
            fs::write(folder.join(name), message(&old, "A08"))?;
        }
        if count.is_multiple_of(DELETED_EVERY) {
            let gone = Written {
                local_id: format!("D{count:07}"),
                ..written.clone()
            };
            let folder = make_folder(root, &gone.local_id)?;
            let name = file_name(&gone.local_id, time, 0);
            fs::write(folder.join(name), message(&gone, "A23"))?;
        }
        count += 1;
        seen(&written)
    })
}

/// The bytes of the file of one current record.
#[must_use]
pub fn current(written: &Written) -> Vec<u8> {
    message(written, "A08")
}

fn make_folder(root: &Path, patient: &str) -> io::Result<PathBuf> {
    let folder = folder(root, patient);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn folder(root: &Path, patient: &str) -> PathBuf {
    root.join(&patient[..3])
        .join(&patient[3..6])
        .join(patient)
        .join("-")
        .join("ADT-00")
}

fn file_name(patient: &str, time: Date, flag: u8) -> String {
    format!(
        "{patient}_-_ADT-00_999999999999999_{}101530123_-_{flag}",
        time.compact()
    )
}

/// One message. Segments end with a carriage return.
fn message(written: &Written, event: &str) -> Vec<u8> {
    let time = Date::months_ago(written.as_of).compact();
    let id = &written.local_id;
    let mut segments = vec![
        format!(
            "MSH|^~\\&|HIS|HOSPITAL|GW|SSMIX2|{time}101530||ADT^{event}^ADT_A01|{id}{time}|P|2.5||||||\
             ~ISO IR87||ISO 2022-1994|SS-MIX2_1.20_h^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO"
        ),
        format!("EVN||{time}101530"),
        patient(written, &time),
        format!("PV1|1|O|||||||||||||||||{id}"),
        "DB1|1|PT||N".to_owned(),
    ];
    if let Some(card) = Card::of(written) {
        let branch = if card.branch.is_empty() {
            String::new()
        } else {
            format!("~{}", card.branch)
        };
        segments.push(format!(
            "IN1|1|C0^^JHSD0001|{}|||||||{}~{}{branch}||20200401||||||SEL^本人^HL70063",
            card.insurer,
            charset::full_width(&card.symbol),
            charset::full_width(&card.number),
        ));
    }
    let mut bytes = charset::iso_2022_jp(&segments.join("\r"));
    bytes.push(b'\r');
    bytes
}

fn patient(written: &Written, time: &str) -> String {
    let family = written.family_text();
    let (family, given) = if written.roman {
        (
            charset::full_width(&family),
            charset::full_width(&written.given),
        )
    } else {
        (family, written.given.clone())
    };
    let mut name = if written.unsplit {
        format!("{family}　{given}^^^^^^L^I")
    } else {
        format!("{family}^{given}^^^^^L^I")
    };
    if !written.family_kana.is_empty() {
        name.push_str(&if written.unsplit {
            format!("~{}　{}^^^^^^L^P", written.family_kana, written.given_kana)
        } else {
            format!("~{}^{}^^^^^L^P", written.family_kana, written.given_kana)
        });
    }
    let sex = match written.sex {
        Some(Sex::Male) => "M",
        Some(Sex::Female) => "F",
        None => "U",
    };
    let place = Places::shipped().of(written.home);
    let postal = if written.has_postal { place.postal } else { "" };
    let text = if written.has_address {
        let street = street(written.home, &DIGITS, ["丁目", "番", "号"], true);
        format!(
            "{}{}{}{}",
            place.prefecture,
            place.city,
            place.town,
            charset::full_width(&street)
        )
    } else {
        String::new()
    };
    let address = match (postal, text.as_str()) {
        ("", "") => String::new(),
        (postal, text) => format!("^^^^{postal}^JPN^H^{text}"),
    };
    let (id, birth) = (&written.local_id, written.birth.compact());
    let twin = if written.twin && written.birth.months_old() < 24 {
        "Y"
    } else {
        ""
    };
    format!(
        "PID|0001||{id}^^^^PI||{name}||{birth}|{sex}|||{address}||^PRN^PH^^^^^^^^^058-000-0000\
         |||||||||||{twin}|||||||||{time}101530"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard() {
        let folder = folder(Path::new("tree"), "01234567");
        assert_eq!(folder, Path::new("tree/012/345/01234567/-/ADT-00"));
        let time = Date {
            year: 2026,
            month: 1,
            day: 2,
        };
        assert_eq!(
            file_name("01234567", time, 1),
            "01234567_-_ADT-00_999999999999999_20260102101530123_-_1"
        );
    }
}
