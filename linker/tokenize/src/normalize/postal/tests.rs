//! The shipped table against itself and against the rules for addresses.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{
    fill, split,
    table::{inflated, table},
};
use crate::normalize::address;

/// Prefecture, county, municipality, code and town of every line, read without the table's own code.
fn lines() -> Vec<[String; 5]> {
    let text = inflated();
    let (mut place, mut code, mut out) = (Vec::new(), 0_i64, Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(cells) = line.strip_prefix('@') {
            place = cells.split('\t').map(str::to_owned).collect();
            continue;
        }
        let town = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
        code += line[..line.len() - town.len()].parse::<i64>().unwrap_or(1);
        let town = town.trim_start_matches(['!', '+']);
        let [prefecture, county, name] = place.clone().try_into().expect("three cells");
        out.push([
            prefecture,
            county,
            name,
            format!("{code:07}"),
            town.to_owned(),
        ]);
    }
    out
}

fn town_of(text: &str) -> String {
    address::parse(text).town
}

#[test]
fn the_text_is_what_the_script_made() {
    let digest = Sha256::digest(inflated().as_bytes());
    assert_eq!(
        hex::encode(digest),
        "29d95c1c799b789b5159e0f4b9052b00c032fb4a24e7bccdadf377835021d558"
    );
}

/// Every town of the country, with and without prefecture and county.
#[test]
fn every_town_has_one_form_however_it_is_written() {
    let mut split_elsewhere = 0;
    let all = lines();
    assert!(all.len() > 120_000);
    for [prefecture, county, name, _, town] in &all {
        let whole = town_of(&format!("{name}{town}"));
        for text in [
            format!("{county}{name}{town}"),
            format!("{prefecture}{name}{town}"),
            format!("{prefecture}{county}{name}{town}"),
            format!("{prefecture} {county}{name}　{town}"),
            whole.clone(),
        ] {
            assert_eq!(town_of(&text), whole, "{text}");
        }
        let municipality = town_of(name);
        assert!(whole.starts_with(&municipality), "{name} {town}");
        let (found, _) = split(&whole).expect("a known municipality");
        // 町 at the beginning of a town may make a longer name of another municipality.
        split_elsewhere += usize::from(found != municipality);
    }
    assert!(split_elsewhere <= 100, "{split_elsewhere}");
}

#[test]
fn codes_and_towns_are_found_by_one_another() {
    let all = lines();
    let mut towns: BTreeMap<&str, Vec<&[String; 5]>> = BTreeMap::new();
    for line in &all {
        towns.entry(&line[3]).or_default().push(line);
    }
    let (mut filled_towns, mut filled_codes) = (0, 0);
    for (code, lines) in &towns {
        let filled = fill(code, None, "");
        assert!(filled.code.is_none() && !filled.contradiction);
        if let Some(town) = filled.town {
            let [[_, _, name, _, section]] = lines[..] else {
                panic!("{code} has several towns");
            };
            assert_eq!(town, town_of(&format!("{name}{section}")));
            filled_towns += 1;
        }
        for [prefecture, _, name, _, section] in lines {
            let town = town_of(&format!("{name}{section}"));
            // Complete data stay as they are.
            assert!(fill(code, Some(prefecture), &town) == super::Filled::default());
            assert!(fill(code, None, &town) == super::Filled::default());
            if let Some(found) = fill("", Some(prefecture), &town).code {
                let has = &towns[found.as_str()];
                let is = |line: &&[String; 5]| town_of(&format!("{}{}", line[2], line[4])) == town;
                assert!(has.iter().any(is), "{town} {found}");
                filled_codes += 1;
            }
        }
    }
    println!(
        "{filled_towns} of {} codes, {filled_codes} of {} towns",
        towns.len(),
        all.len()
    );
    // Most towns have one code, and most codes one town.
    assert!(filled_towns * 100 > towns.len() * 95, "{filled_towns}");
    assert!(filled_codes * 100 > all.len() * 90, "{filled_codes}");
}

#[test]
fn what_is_missing_is_filled() {
    let town = |code: &str, town: &str| fill(code, None, town).town.unwrap_or_default();
    let code = |part: &str, town: &str| fill(part, None, town).code.unwrap_or_default();
    assert_eq!(town("5008309", ""), "岐阜市都通");
    assert_eq!(town("5008309", "都通"), "岐阜市都通");
    assert_eq!(town("5008309", "都通北"), "岐阜市都通北");
    assert_eq!(town("4600008", "中区栄"), "名古屋市中区栄");
    assert_eq!(town("4600008", "栄"), "名古屋市中区栄");
    assert_eq!(
        town("0600000", ""),
        "",
        "all towns that have no code of their own"
    );
    assert_eq!(town("5008309", "都"), "");
    // A character at the seam.
    assert_eq!(town("7520913", "乃木浜"), town_of("下関市乃木浜"));
    assert_eq!(code("", "岐阜市都通"), "5008309");
    assert_eq!(code("500", "岐阜市都通"), "5008309");
    assert_eq!(code("501", "岐阜市都通"), "");
    assert_eq!(code("", "岐阜市"), "");
    assert_eq!(code("", "札幌市中央区北1条西"), "", "one of several");
    assert_eq!(code("", "都通"), "");
    // Zeros that a spreadsheet dropped.
    assert_eq!(code("600041", "札幌市中央区大通東"), "0600041");
    assert_eq!(code("600041", "岐阜市都通"), "");
    assert_eq!(code("2615", "stkilda"), "");
}

#[test]
fn contradictions_are_seen_and_change_nothing() {
    for (code, prefecture, town) in [
        ("5008309", None, "各務原市那加"),
        ("5008309", Some("東京都"), "岐阜市都通"),
        ("5008309", Some("東京都"), "都通"),
    ] {
        let filled = fill(code, prefecture, town);
        assert!(filled.contradiction, "{code} {town}");
        assert!(filled.town.is_none() && filled.code.is_none());
    }
    for (code, prefecture, town) in [
        ("5008309", Some("岐阜県"), "岐阜市都通"),
        ("5008309", None, "岐阜市"),
        // No place that the table knows, and a code that it does not know.
        ("5008309", None, "某所"),
        ("0000001", None, "岐阜市都通"),
    ] {
        assert!(fill(code, prefecture, town) == super::Filled::default());
    }
}

proptest! {
    /// Whoever leaves the code out, or the prefecture, or writes it with a county, ends with what the others
    /// have or with less of it, never with something else.
    #[test]
    fn two_sources_with_one_address_never_drift_apart(
        at in any::<prop::sample::Index>(),
        rest in "(字[東西][1-9]|[東西])?",
        prefecture in any::<bool>(),
        county in any::<bool>(),
    ) {
        let all = lines_once();
        let [named, district, name, code, section] = &all[at.index(all.len())];
        let whole = town_of(&format!("{name}{section}{rest}"));
        let text = format!(
            "{}{}{name}{section}{rest}",
            if prefecture { named.as_str() } else { "" },
            if county { district.as_str() } else { "" },
        );
        let address = address::parse(&text);
        prop_assert_eq!(&address.town, &whole);
        // With the code nothing changes.
        let with = fill(code, address.prefecture, &address.town);
        prop_assert!(with == super::Filled::default(), "{} {}", code, text);
        // Without it the same is filled, whatever stands before the municipality.
        let without = fill("", address.prefecture, &address.town);
        prop_assert!(without == fill("", None, &whole));
        prop_assert!(without.town.is_none() && !without.contradiction);
    }

    #[test]
    fn filling_twice_is_filling_once(
        at in any::<prop::sample::Index>(),
        code in "[0-9]{0,8}",
        known in any::<bool>(),
        cut in 0_usize..6,
        rest in "[東西町市区字]{0,3}",
    ) {
        let all = lines_once();
        let [_, _, name, real, section] = &all[at.index(all.len())];
        let code = if known { real.clone() } else { code };
        let text: String = format!("{name}{section}{rest}").chars().skip(cut).collect();
        let town = town_of(&text);
        let once = fill(&code, None, &town);
        let (code, town) = (once.code.unwrap_or(code), once.town.unwrap_or(town));
        let twice = fill(&code, None, &town);
        prop_assert!(twice.code.is_none() && twice.town.is_none(), "{} {}", code, town);
        // A filled town is in normal form.
        prop_assert_eq!(town_of(&town), town);
    }
}

fn lines_once() -> &'static [[String; 5]] {
    static LINES: std::sync::LazyLock<Vec<[String; 5]>> = std::sync::LazyLock::new(lines);
    &LINES
}

#[test]
fn a_code_that_nobody_has_is_nobodys() {
    for code in [0, 1, 9_999_999, 10_000_000, u32::MAX] {
        assert!(table().places(code).is_empty(), "{code}");
    }
}
