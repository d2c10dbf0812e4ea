//! The printed documents, read again by other programs' code: a PDF reader and a QR reader.

mod paper;

use std::collections::BTreeMap;

use keymgmt_custody::{Secret, backup};

use self::paper::Paper;
use super::{
    model::{Field, Language},
    *,
};
use crate::{booklet, recipe::Recipe};

const SAMPLE: &str = include_str!("../../samples/recipe.toml");
const BOTH: [Language; 2] = [Language::Japanese, Language::English];
const LONG: &str = "地域連携データ基盤における鍵の生成・配布セレモニー（第二期）";

/// A recipe with so many sites, and so many custodians.
fn recipe(sites: usize, custodians: usize, title: &str) -> Recipe {
    let list = |what: &str, count: usize| {
        let names = (1..=count).map(|number| format!("\"{what}-{number:02}\""));
        names.collect::<Vec<_>>().join(", ")
    };
    let text = SAMPLE
        .replace("Demonstration: keys of epoch 1", title)
        .replace("\"clinic\", \"hospital\"", &list("site", sites))
        .replace(
            "\"custodian-a\", \"custodian-b\", \"custodian-c\"",
            &list("custodian", custodians),
        );
    Recipe::parse(&text).expect("parses")
}

fn place() -> booklet::Where<'static> {
    let token = |label, serial| booklet::TokenName { label, serial };
    booklet::Where {
        profile: "softhsm2",
        custody: token("musubi-custody", Some("5f2c0e1d9a7b4c33")),
        appliance: token("musubi-appliance", None),
        fingerprints: BTreeMap::from([("site-01", "0123 4567 89ab cdef 0123 4567 89ab cdef")]),
    }
}

fn share(custodians: &[&str]) -> backup::Share {
    let names: Vec<String> = custodians.iter().map(|name| (*name).to_owned()).collect();
    let key = Secret::take(&mut [0x42; 32]);
    let mut shares = backup::split(&key, 2, &names).expect("splits");
    shares.swap_remove(0)
}

fn sheet(share: &backup::Share) -> ShareSheet<'_> {
    ShareSheet {
        title: LONG,
        project: "demo",
        epoch: 1,
        share,
        ceremony_sha256: [0xab; 32],
    }
}

fn dense(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

#[test]
fn every_step_and_the_hash_are_in_the_booklet() {
    for (sites, custodians) in [(1, 3), (20, 5), (3, 16)] {
        let recipe = recipe(sites, custodians, LONG);
        let booklet = booklet::of_recipe(&recipe, Some(&place()));
        for language in BOTH {
            let paper = Paper::read(booklet_pdf(&booklet, language).expect("prints"));
            let all = dense(&paper.pages.join(" "));
            assert!(all.contains(&dense(LONG)));
            assert!(all.contains(&dense(&recipe.hash_groups())));
            for section in &booklet.sections {
                assert!(all.contains(&dense(section.title.of(language))));
                for step in &section.steps {
                    assert!(all.contains(&dense(step.text.of(language))), "{step:?}");
                    for field in &step.fields {
                        let (Field::Write(label) | Field::Compare(label, _)) = field;
                        assert!(all.contains(&dense(label.of(language))), "{field:?}");
                    }
                }
            }
            let place = place();
            let known = [
                place.profile,
                place.custody.label,
                place.custody.serial.expect("known"),
                place.appliance.label,
                place.fingerprints["site-01"],
            ];
            for name in known {
                assert!(all.contains(&dense(name)), "{name}");
            }
            for person in &booklet.people {
                let role = dense(person.role.of(language));
                assert!(
                    all.matches(&role).count() >= 2 + booklet.exceptions,
                    "{role}"
                );
            }
        }
    }
}

#[test]
fn steps_are_in_the_recipes_order() {
    let booklet = booklet::of_recipe(&recipe(2, 3, "Order"), None);
    let paper = Paper::read(booklet_pdf(&booklet, Language::English).expect("prints"));
    let all = dense(&paper.pages.join(" "));
    let mut from = 0;
    for (number, step) in (1..).zip(booklet.sections.iter().flat_map(|section| &section.steps)) {
        let wanted = format!("{number}{}", dense(&step.text.english));
        let found = all[from..].find(&wanted);
        from += found.unwrap_or_else(|| panic!("{wanted} after {from}"));
    }
}

#[test]
fn every_page_has_its_number_and_the_hash() {
    for (sites, pages) in [(1, 6..=16), (20, 10..=24)] {
        let recipe = recipe(sites, 5, LONG);
        let booklet = booklet::of_recipe(&recipe, None);
        for language in BOTH {
            let paper = Paper::read(booklet_pdf(&booklet, language).expect("prints"));
            let count = paper.pages.len();
            assert!(pages.contains(&count), "{count} pages");
            let first: String = booklet.hash_groups()[..4].concat();
            for (number, page) in (1..).zip(&paper.pages) {
                let page = dense(page);
                let wanted = match language {
                    Language::Japanese => format!("{number}/{count}ページ"),
                    Language::English => format!("page{number}of{count}"),
                };
                assert!(page.contains(&wanted), "{wanted} in {page}");
                assert!(page.contains(&first), "page {number}");
                assert!(!page.contains("REHEARSAL"));
            }
        }
    }
}

#[test]
fn every_page_of_a_rehearsal_says_so() {
    let mut booklet = booklet::of_recipe(&recipe(1, 3, "Practice"), None);
    booklet.rehearsal = true;
    for (language, mark) in [
        (Language::Japanese, "リハーサル"),
        (Language::English, "REHEARSAL"),
    ] {
        let paper = Paper::read(booklet_pdf(&booklet, language).expect("prints"));
        assert!(paper.pages.iter().all(|page| page.contains(mark)));
    }
}

/// Nothing is set outside the page's edges, whatever is in the recipe.
#[test]
fn nothing_is_cut_off() {
    let widest = "W".repeat(100);
    for title in [LONG, widest.as_str(), "1"] {
        let booklet = booklet::of_recipe(&recipe(20, 16, title), Some(&place()));
        for language in BOTH {
            let paper = Paper::read(booklet_pdf(&booklet, language).expect("prints"));
            paper.assert_within();
        }
    }
    let name = "x".repeat(linker_token::limits::NAME_BYTES_MAX);
    for language in BOTH {
        let share = share(&[name.as_str(), "b"]);
        let file = share_sheet_pdf(&sheet(&share), language).expect("prints");
        Paper::read(file.to_vec()).assert_within();
    }
}

#[test]
fn the_same_recipe_gives_the_same_bytes() {
    let recipe = recipe(2, 3, "Twice");
    let print =
        || booklet_pdf(&booklet::of_recipe(&recipe, None), Language::Japanese).expect("prints");
    assert!(print() == print());
}

#[test]
fn a_character_without_a_glyph_is_refused_by_name() {
    for (title, character) in [("Keys 😀", '😀'), ("か\u{3099}", '\u{3099}'), ("ก", 'ก')] {
        let booklet = booklet::of_recipe(&recipe(1, 3, title), None);
        let error = booklet_pdf(&booklet, Language::Japanese).expect_err(title);
        assert_eq!(error.code(), "UNPRINTABLE");
        let wanted = format!("U+{:04X}", u32::from(character));
        assert!(error.to_string().contains(&wanted), "{error}");
    }
    // Variants of characters that stand in names.
    let booklet = booklet::of_recipe(&recipe(1, 3, "髙﨑・彅①Ⅳ㈱"), None);
    let paper = Paper::read(booklet_pdf(&booklet, Language::Japanese).expect("prints"));
    assert!(paper.pages[0].contains("髙﨑・彅①Ⅳ㈱"));
}

#[test]
fn a_share_is_on_its_sheet_three_times() {
    let share = share(&["custodian-a", "custodian-b", "custodian-c"]);
    for language in BOTH {
        let file = share_sheet_pdf(&sheet(&share), language).expect("prints");
        let paper = Paper::read(file.to_vec());
        let [page] = paper.pages.as_slice() else {
            panic!("{} pages", paper.pages.len());
        };
        let printed: Vec<&str> = page.lines().collect();
        let numbered = |count: usize, holds: fn(&str) -> bool| -> Vec<&str> {
            let mut found = Vec::new();
            for pair in printed.windows(2) {
                if pair[0] == (found.len() + 1).to_string() && holds(pair[1]) && found.len() < count
                {
                    found.push(pair[1]);
                }
            }
            found
        };
        let words = numbered(24, |text| {
            text.bytes().all(|byte| byte.is_ascii_lowercase())
        });
        let digits = numbered(20, |text| {
            text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit())
        });
        let from_words = words::from_words(&words.join(" ")).expect("words are read");
        let from_groups = words::from_groups(&digits.join(" ")).expect("digits are read");
        assert!(from_words == from_groups);
        let text = paper.qr();
        assert_eq!(text, *share.to_text());
        assert!(text.contains(&hex::encode(from_words.expose())));
        let commitment = hex::encode(share.commitment());
        assert!(dense(page).contains(&commitment));
        for wanted in ["custodian-a", "demo", "1/3", "abababab"] {
            assert!(dense(page).contains(wanted), "{wanted}");
        }
    }
}

/// The glyphs that a sheet embeds do not depend on the share: numbers in order of first use would tell in
/// which order letters came.
#[test]
fn sheets_of_different_shares_embed_the_same_fonts() {
    let fonts = |share: &backup::Share| {
        let file = share_sheet_pdf(&sheet(share), Language::English).expect("prints");
        Paper::read(file.to_vec()).fonts
    };
    let first = share(&["custodian-a", "custodian-b"]);
    let second = share(&["custodian-a", "custodian-b"]);
    assert_ne!(first.commitment(), second.commitment());
    assert!(fonts(&first) == fonts(&second));
}

/// A buffer that grows leaves its old self in memory; a page with a secret must not need to.
#[test]
fn a_secret_page_larger_than_its_buffer_is_refused() {
    let file = |secret| {
        let mut canvas = canvas::Canvas::new(64).expect("a canvas");
        let style = canvas::Style::mono(10.0);
        canvas.show((50.0, 50.0), style, &"x".repeat(100))?;
        let about = file::About {
            title: "Growth",
            language: Language::English,
            secret,
        };
        file::finish(canvas, &about)
    };
    assert!(file(false).is_ok());
    assert_eq!(file(true).expect_err("grew").code(), "PRINT");
}

/// A custodian with the longest name, and the longest title, still have a sheet of one page.
#[test]
fn the_longest_names_fit_on_a_sheet() {
    let name = "m".repeat(linker_token::limits::NAME_BYTES_MAX);
    let share = share(&[name.as_str(), "b"]);
    let title = "漢".repeat(crate::limits::TITLE_BYTES_MAX / 3);
    let sheet = ShareSheet {
        title: &title,
        project: &name,
        epoch: u32::MAX,
        ..sheet(&share)
    };
    for language in BOTH {
        let paper = Paper::read(share_sheet_pdf(&sheet, language).expect("prints").to_vec());
        assert_eq!(paper.pages.len(), 1);
        assert_eq!(paper.qr(), *share.to_text());
        paper.assert_within();
    }
}
