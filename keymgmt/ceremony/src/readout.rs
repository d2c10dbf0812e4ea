//! How secret values and check values are shown and typed in the room's language: 24 English words, or
//! decimal groups where English words are hard to hear. Either form is taken, whatever was shown.

use keymgmt_custody::Secret;
use zeroize::Zeroizing;

use crate::{
    print::words::{
        WordsError, check_groups, check_words, confirm_check, from_groups, from_words, to_groups,
        to_words,
    },
    say::Language,
};

/// A share's value as it is written down, separated by blanks.
pub(crate) fn share(value: &[u8; 32], language: Language) -> Zeroizing<String> {
    match language {
        Language::English => to_words(value).text(),
        Language::Japanese => to_groups(value),
    }
}

/// Reads a typed share.
pub(crate) fn parse_share(typed: &str) -> Result<Secret, WordsError> {
    if begins_with_digit(typed) {
        from_groups(typed)
    } else {
        from_words(typed)
    }
}

/// The short form of a check value, or of the first bytes of a digest.
pub(crate) fn check(value: [u8; 8], language: Language) -> String {
    match language {
        Language::English => check_words(&value).join(" "),
        Language::Japanese => check_groups(&value),
    }
}

/// Whether the name of an object and its check value were typed.
pub(crate) fn confirms(typed: &str, object: &str, value: [u8; 8]) -> bool {
    let typed = plain(typed);
    let rest = typed.strip_prefix(&plain(object));
    rest.is_some_and(|rest| rest.starts_with(' ') && confirm_check(rest, &value).is_ok())
}

/// Typed text as it is compared: half-width, upper case, one blank between words.
pub(crate) fn plain(typed: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    let narrow: String = typed.chars().map(narrow).collect();
    let words: Vec<_> = narrow.split_whitespace().map(str::to_uppercase).collect();
    words.join(" ")
}

fn begins_with_digit(typed: &str) -> bool {
    let first = typed.trim_start().chars().next();
    first.is_some_and(|first| first.is_ascii_digit() || ('\u{ff10}'..='\u{ff19}').contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_whatever_was_shown() {
        let value: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 7).expect("small"));
        for language in [Language::English, Language::Japanese] {
            let shown = share(&value, language);
            assert_eq!(parse_share(&shown).expect("reads").expose(), &value);
        }
        let groups = share(&value, Language::Japanese);
        let wide = |c: char| match c {
            ' ' => '\u{3000}',
            digit => char::from_u32(u32::from(digit) + 0xfee0).expect("a wide digit"),
        };
        let wide: String = groups.chars().map(wide).collect();
        assert_eq!(parse_share(&wide).expect("reads").expose(), &value);
    }

    #[test]
    fn an_object_is_confirmed_by_its_name_and_its_own_check_value() {
        let (value, other) = ([7; 8], [8; 8]);
        for language in [Language::English, Language::Japanese] {
            let typed = format!(" destroy  lek\u{3000}{} ", check(value, language));
            assert!(confirms(&typed, "destroy lek", value), "{typed}");
            assert!(!confirms(&typed, "destroy lek", other), "{typed}");
            assert!(!confirms(&typed, "destroy tmk", value), "{typed}");
        }
        assert!(!confirms("destroy lek", "destroy lek", value));
        assert!(!confirms("y", "destroy lek", value));
    }
}
