//! Every sentence but those of faults, in all languages side by side. Faults have [`crate::messages`], the
//! command line has [`crate::cli`].

mod desk;
pub(crate) mod init;
mod readers;
mod service;
mod work;

use crate::say::{Say, Text, Value};

/// The parts of the table.
pub const PARTS: [&[Text]; 5] = [
    work::TEXTS,
    service::TEXTS,
    readers::TEXTS,
    init::TEXTS,
    desk::TEXTS,
];

/// A code and its words.
const CODED: Text = t("{code}", "{words}（{code}）");

/// A row of the table.
const fn t(en: &'static str, ja: &'static str) -> Text {
    Text { en, ja }
}

/// The row of an English text whose places are named. For [`say!`](crate::say!), at compile time.
///
/// # Panics
/// While this crate is compiled, if there is no such row or the places differ.
#[must_use]
#[expect(clippy::panic, reason = "it stops the compiler, not the program")]
pub const fn with_places(en: &str, places: &[&str]) -> &'static Text {
    let Some(text) = row(en) else {
        panic!("this text has no row in the table of texts");
    };
    let bytes = en.as_bytes();
    let (mut at, mut found) = (0, 0);
    while at < bytes.len() {
        if bytes[at] == b'{' {
            let start = at + 1;
            while bytes[at] != b'}' {
                at += 1;
            }
            let (_, tail) = bytes.split_at(start);
            let (name, _) = tail.split_at(at - start);
            let mut known = 0;
            while known < places.len() && !equal(places[known].as_bytes(), name) {
                known += 1;
            }
            assert!(
                known < places.len(),
                "this text has a place without a value"
            );
            found += 1;
        }
        at += 1;
    }
    assert!(found == places.len(), "this text has no place for a value");
    text
}

/// The words of a field of mappings.
#[must_use]
pub fn field(tag: &str) -> Option<&'static Text> {
    let row = readers::FIELDS.iter().find(|(known, _)| *known == tag);
    row.map(|(_, text)| text)
}

/// The words of a code: why rows are left out, what is noticed about records.
#[must_use]
pub fn code(code: &str) -> Option<&'static Text> {
    let row = readers::CODES.iter().find(|(known, _)| *known == code);
    row.map(|(_, text)| text)
}

/// A code with its words. In English the code says enough; scripts of old look for it.
#[must_use]
pub fn coded(code: &str) -> Value {
    match self::code(code) {
        Some(words) => Say::new(&CODED)
            .with("code", code)
            .with("words", words)
            .into(),
        None => code.into(),
    }
}

/// The row of a whole sentence, if there is one. Single words are not looked for: they may be names of
/// files.
#[must_use]
pub fn find(en: &str) -> Option<&'static Text> {
    if en.contains(' ') { row(en) } else { None }
}

const fn row(en: &str) -> Option<&'static Text> {
    let mut part = 0;
    while part < PARTS.len() {
        let mut at = 0;
        while at < PARTS[part].len() {
            if equal(PARTS[part][at].en.as_bytes(), en.as_bytes()) {
                return Some(&PARTS[part][at]);
            }
            at += 1;
        }
        part += 1;
    }
    None
}

const fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::messages::TABLE;

    fn places(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1);
        parts.filter_map(|part| part.split('}').next()).collect()
    }

    fn all() -> Vec<Text> {
        let faults = TABLE.iter().flat_map(|row| [row.what, row.advice]);
        let words = readers::FIELDS.iter().chain(readers::CODES);
        let words = words.map(|(_, text)| *text);
        PARTS
            .concat()
            .into_iter()
            .chain(faults)
            .chain(words)
            .collect()
    }

    fn has_japanese(text: &str) -> bool {
        text.chars().any(|c| ('\u{3041}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn every_text_is_there_in_japanese_with_the_same_places() {
        for text in all() {
            assert_eq!(places(text.en), places(text.ja), "{}", text.en);
            // What is nothing but places and names is the same in both.
            let words = text
                .en
                .split(['{', '}'])
                .step_by(2)
                .any(|part| part.contains(char::is_alphabetic));
            assert!(
                !words
                    || has_japanese(text.ja)
                    || text.en == "TLS 1.3"
                    || text.ja.starts_with("FHIR"),
                "{}",
                text.en
            );
            assert!(!has_japanese(text.en), "{}", text.en);
        }
    }

    #[test]
    fn sentences_end_alike_and_are_polite() {
        for row in TABLE {
            for text in [row.what, row.advice] {
                assert!(
                    !text.ja.ends_with('。') && !text.en.ends_with('.'),
                    "{}",
                    text.ja
                );
            }
            let advice = row.advice.ja;
            let polite = [
                "ください",
                "起きません",
                "されています",
                "なります",
                "が原因です",
                "起点です",
                "通知されます",
                "していません",
                "読み直されます",
                "可能性があります",
                "優先されます",
            ];
            assert!(polite.iter().any(|end| advice.contains(end)), "{advice}");
        }
    }

    #[test]
    fn texts_and_codes_stand_once() {
        let texts = PARTS.concat();
        let different: BTreeSet<_> = texts.iter().map(|text| text.en).collect();
        assert_eq!(different.len(), texts.len());
        let codes = || readers::CODES.iter().map(|(code, _)| *code);
        assert_eq!(codes().collect::<BTreeSet<_>>().len(), codes().count());
    }

    #[test]
    fn every_field_and_code_has_words() {
        for field in linker_tokenize::RawField::ALL {
            assert!(super::field(field.tag()).is_some(), "{}", field.tag());
        }
        for quality in linker_tokenize::Quality::ALL {
            assert!(code(quality.code()).is_some(), "{}", quality.code());
        }
    }

    /// The strings in a source file that are no comments and no tests, each with what stands before it.
    fn literals(source: &str) -> Vec<(String, String)> {
        let source = source
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        let (mut found, mut before, mut chars) =
            (Vec::new(), String::new(), source.chars().peekable());
        while let Some(c) = chars.next() {
            match c {
                '/' if chars.peek() == Some(&'/') => {
                    chars.by_ref().find(|c| *c == '\n');
                }
                '\'' if chars.clone().nth(1) == Some('\'') => {
                    chars.nth(1);
                }
                '"' => {
                    let mut text = String::new();
                    while let Some(c) = chars.next() {
                        match c {
                            '"' => break,
                            '\\' => match chars.next() {
                                Some('\n') => {
                                    while chars.next_if(|c| c.is_whitespace()).is_some() {}
                                }
                                Some('n') => text.push('\n'),
                                Some('t') => text.push('\t'),
                                Some(c) => text.push(c),
                                None => {}
                            },
                            c => text.push(c),
                        }
                    }
                    found.push((std::mem::take(&mut before), text));
                }
                c => before.push(c),
            }
        }
        found
    }

    fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }

    /// Files whose strings are told in other tables, or are not told to anybody.
    const ELSEWHERE: [&str; 10] = [
        "texts",
        "messages",
        "cli",
        "report",
        "report.rs",
        "texts.rs",
        "cli.rs",
        "messages.rs",
        "say.rs",
        "limits.rs",
    ];

    /// Strings with blanks that are no sentences: what is searched for, keys, commands, lines of files.
    const NO_SENTENCES: [&str; 7] = [
        "one of ",
        ", expected ",
        "unknown field ",
        "missing field ",
        "unknown variant ",
        "appliance.certificate, appliance.key",
        ",,and {} more,\n",
    ];

    fn is_no_sentence(text: &str) -> bool {
        let starts = [
            "# ",
            "tokenizer ",
            "CONNECT {",
            "LocalClock(",
            "musubi table ",
        ];
        NO_SENTENCES.contains(&text)
            || text.contains(" = ")
            || starts.iter().any(|start| text.starts_with(start))
    }

    #[test]
    fn no_sentence_of_this_program_is_english_only() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        let mut missing = Vec::new();
        for file in files {
            let below = file.strip_prefix(&root).unwrap();
            let top = below.iter().next().unwrap().to_str().unwrap();
            if ELSEWHERE.contains(&top) || below.ends_with("tests.rs") {
                continue;
            }
            for (before, text) in literals(&fs::read_to_string(&file).unwrap()) {
                let before = before.trim_end();
                let hidden = ["expect(", "reason =", "panic!(", "unreachable!("]
                    .iter()
                    .any(|end| before.ends_with(end));
                let words = text
                    .split('{')
                    .map(|part| part.rsplit('}').next().unwrap_or_default());
                let words = words.collect::<String>();
                let sentence = words.trim().contains(' ') && words.contains(char::is_alphabetic);
                if sentence && !hidden && !is_no_sentence(&text) && row(&text).is_none() {
                    missing.push(format!("{}: {text:?}", below.display()));
                }
            }
        }
        assert!(
            missing.is_empty(),
            "say these with say! and a row of src/texts:\n{}",
            missing.join("\n")
        );
    }

    #[test]
    fn every_rule_of_the_readers_has_a_japanese_text() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tokenize/src/format");
        let mut files = Vec::new();
        sources(&root, &mut files);
        let (mut seen, mut missing) = (0, Vec::new());
        for file in files {
            for (before, text) in literals(&fs::read_to_string(&file).unwrap()) {
                let before = before.trim_end();
                let is_rule = [
                    "structure(",
                    "rule:",
                    "format:",
                    "const FORMAT: &str =",
                    "Err(",
                ];
                if is_rule.iter().any(|end| before.ends_with(end)) && text.contains(' ') {
                    seen += 1;
                    if row(&text).is_none() {
                        missing.push(text);
                    }
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new(), "without Japanese text");
        assert!(seen > 30, "{seen} rules were found");
    }

    #[test]
    fn every_text_is_used() {
        let mut files = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        sources(&root.join("src"), &mut files);
        sources(&root.join("../tokenize/src"), &mut files);
        sources(&root.join("../token/src"), &mut files);
        let texts = |file: &std::path::PathBuf| file.iter().any(|part| part == "texts");
        let used: BTreeSet<String> = files
            .iter()
            .filter(|file| !texts(file))
            .flat_map(|file| literals(&fs::read_to_string(file).unwrap()))
            .map(|(_, text)| text)
            .collect();
        for text in PARTS.concat() {
            assert!(used.contains(text.en), "no longer used: {}", text.en);
        }
    }
}
