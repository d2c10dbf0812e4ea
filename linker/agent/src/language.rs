//! In which language this program speaks, and in which character set it writes.
//!
//! The environment is read once, in `main`. Everything else gets a value.

use std::{borrow::Cow, ffi::OsString};

use clap::ValueEnum;
use encoding_rs::{EUC_JP, EncoderResult, Encoding, SHIFT_JIS};
use zeroize::Zeroizing;

/// Language of messages. Codes, exit codes and JSON keys are the same in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Language {
    /// English.
    #[default]
    #[value(name = "en")]
    En,
    /// Japanese.
    #[value(name = "ja")]
    Ja,
}

impl Language {
    /// The language of a locale's name, such as `ja_JP.UTF-8`. English for every other.
    #[must_use]
    pub fn from_locale(locale: &str) -> Self {
        match locale.split(['_', '-', '.', '@']).next() {
            Some(language) if language.eq_ignore_ascii_case("ja") => Self::Ja,
            Some(_) | None => Self::En,
        }
    }
}

/// Character set of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodeSet {
    /// UTF-8.
    #[default]
    Utf8,
    /// Shift JIS as Windows has it, on terminals that old systems are reached from.
    Cp932,
    /// EUC-JP, of old Unix servers.
    EucJp,
}

/// How this program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locale {
    /// Language.
    pub language: Language,
    /// Character set.
    pub code_set: CodeSet,
    /// Japanese was asked for in a character set that is not written here, so it is English.
    pub fell_back: bool,
}

impl Locale {
    /// The locale that the variables `LC_ALL`, `LC_MESSAGES`, `LC_CTYPE` and `LANG` ask for, as POSIX ranks
    /// them. `wish` is the option `--lang`, which stands above their language but not above their character
    /// set.
    #[must_use]
    pub fn choose(wish: Option<Language>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 3]| {
            let values = names.into_iter().filter_map(&variable);
            values
                .into_iter()
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        let messages = first(["LC_ALL", "LC_MESSAGES", "LANG"]);
        let characters = first(["LC_ALL", "LC_CTYPE", "LANG"]);
        let language = wish.unwrap_or_else(|| Language::from_locale(&messages));
        match code_set(&characters) {
            Some(code_set) => Self {
                language,
                code_set,
                fell_back: false,
            },
            // Only who names Japanese outright gets it in UTF-8 whatever the locale says.
            None => Self {
                language: wish.unwrap_or_default(),
                code_set: CodeSet::Utf8,
                fell_back: wish.is_none() && language == Language::Ja,
            },
        }
    }

    /// Text in the bytes of the character set. What it does not have becomes a question mark.
    #[must_use]
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self.code_set {
            CodeSet::Utf8 => Cow::Borrowed(text.as_bytes()),
            CodeSet::Cp932 => Cow::Owned(transcode(SHIFT_JIS, text)),
            CodeSet::EucJp => Cow::Owned(transcode(EUC_JP, text)),
        }
    }

    /// Bytes that were typed, as text that wipes itself; `None` if they are not of the character set.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<Zeroizing<String>> {
        match self.code_set {
            CodeSet::Utf8 => {
                let text = str::from_utf8(bytes).ok()?;
                Some(Zeroizing::new(text.to_owned()))
            }
            CodeSet::Cp932 => decoded(SHIFT_JIS, bytes),
            CodeSet::EucJp => decoded(EUC_JP, bytes),
        }
    }
}

fn decoded(encoding: &'static Encoding, bytes: &[u8]) -> Option<Zeroizing<String>> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(Zeroizing::new(text.into_owned()))
}

/// The value of `--lang` among arguments that are not parsed yet, because the parser's own messages need
/// it. A wrong value is the parser's to refuse.
#[must_use]
pub fn wish(args: &[OsString]) -> Option<Language> {
    let mut found = None;
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--lang") {
            Some("") => args.next(),
            Some(rest) => rest.strip_prefix('='),
            None => continue,
        };
        found = value.and_then(|value| Language::from_str(value, false).ok());
    }
    found
}

/// The character set in the name of a locale; `None` if this program does not write it.
fn code_set(locale: &str) -> Option<CodeSet> {
    let Some((_, name)) = locale.split_once('.') else {
        // Names without one are aliases whose meaning differs between systems: UTF-8 is usual today.
        return Some(CodeSet::Utf8);
    };
    let name = name.split('@').next().unwrap_or_default();
    let plain = name.chars().filter(char::is_ascii_alphanumeric);
    match plain.collect::<String>().to_ascii_lowercase().as_str() {
        "utf8" => Some(CodeSet::Utf8),
        "sjis" | "shiftjis" | "cp932" | "ms932" | "windows31j" | "mskanji" | "ibm943" | "pck" => {
            Some(CodeSet::Cp932)
        }
        "eucjp" | "ujis" | "euc" | "eucjpms" => Some(CodeSet::EucJp),
        _ => None,
    }
}

fn transcode(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    loop {
        out.reserve(2 * rest.len() + 16);
        let (result, read) =
            encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return out,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wish: Option<Language>, variables: &[(&str, &str)]) -> Locale {
        Locale::choose(wish, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_are_ranked() {
        use Language::{En, Ja};
        for (variables, expected) in [
            (&[][..], En),
            (&[("LANG", "ja_JP.UTF-8")], Ja),
            (&[("LANG", "ja")], Ja),
            (&[("LANG", "jam_JM.UTF-8")], En),
            (&[("LANG", "ja_JP.UTF-8"), ("LC_MESSAGES", "C")], En),
            (&[("LANG", "C"), ("LC_MESSAGES", "ja_JP.UTF-8")], Ja),
            (&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "")], Ja),
            (&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "en_US.UTF-8")], En),
            (&[("LC_CTYPE", "ja_JP.UTF-8")], En),
        ] {
            assert_eq!(chosen(None, variables).language, expected, "{variables:?}");
            assert_eq!(chosen(Some(Ja), variables).language, Ja);
            assert_eq!(chosen(Some(En), variables).language, En);
        }
    }

    #[test]
    fn character_sets_are_honoured() {
        for (name, expected) in [
            ("ja_JP.UTF-8", CodeSet::Utf8),
            ("ja_JP.utf8@cjknarrow", CodeSet::Utf8),
            ("ja_JP", CodeSet::Utf8),
            ("ja_JP.SJIS", CodeSet::Cp932),
            ("ja_JP.Shift_JIS", CodeSet::Cp932),
            ("ja_JP.eucJP", CodeSet::EucJp),
            ("ja_JP.ujis", CodeSet::EucJp),
        ] {
            let locale = chosen(None, &[("LANG", name)]);
            assert_eq!(
                (locale.language, locale.code_set, locale.fell_back),
                (Language::Ja, expected, false),
                "{name}"
            );
        }
        let odd = chosen(None, &[("LANG", "ja_JP.ISO-2022-JP")]);
        assert_eq!((odd.language, odd.fell_back), (Language::En, true));
        let wished = chosen(Some(Language::Ja), &[("LANG", "ja_JP.ISO-2022-JP")]);
        assert_eq!(
            (wished.language, wished.code_set, wished.fell_back),
            (Language::Ja, CodeSet::Utf8, false)
        );
        let mixed = chosen(
            None,
            &[("LANG", "ja_JP.UTF-8"), ("LC_CTYPE", "ja_JP.eucJP")],
        );
        assert_eq!(mixed.code_set, CodeSet::EucJp);
    }

    #[test]
    fn text_is_written_in_the_character_set() {
        let write = |code_set, text| {
            Locale {
                code_set,
                ..Locale::default()
            }
            .encode(text)
            .into_owned()
        };
        assert_eq!(write(CodeSet::Utf8, "氏名"), "氏名".as_bytes());
        assert_eq!(write(CodeSet::Cp932, "氏名"), b"\x8e\x81\x96\xbc");
        assert_eq!(write(CodeSet::EucJp, "氏名"), b"\xbb\xe1\xcc\xbe");
        assert_eq!(write(CodeSet::Cp932, "a\u{1f600}b\u{1f600}"), b"a?b?");
        let long = "検査しました。".repeat(1000);
        assert_eq!(SHIFT_JIS.decode(&write(CodeSet::Cp932, &long)).0, long);
    }

    #[test]
    fn the_option_is_found_before_parsing() {
        let found = |args: &[&str]| wish(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(
            found(&["tokenizer", "run", "--lang", "ja"]),
            Some(Language::Ja)
        );
        assert_eq!(
            found(&["tokenizer", "--lang=en", "run"]),
            Some(Language::En)
        );
        assert_eq!(found(&["tokenizer", "--language", "ja"]), None);
        assert_eq!(found(&["tokenizer", "--lang", "de"]), None);
        assert_eq!(found(&["tokenizer", "--lang"]), None);
    }
}
