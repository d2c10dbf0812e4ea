use proptest::prelude::*;

use super::*;

fn value(seed: u8) -> [u8; 32] {
    Sha256::digest([seed]).into()
}

fn words(value: &[u8; 32]) -> Vec<&'static str> {
    to_words(value).iter().collect()
}

/// Vectors of the standard for 256 bits (trezor/python-mnemonic, vectors.json).
#[test]
fn words_are_those_of_the_standard() {
    let repeated = |words: &str, last: &str| format!("{words} {words} {last}");
    for (byte, known) in [
        (0x00, format!("{}art", "abandon ".repeat(23))),
        (0xff, format!("{}vote", "zoo ".repeat(23))),
        (
            0x7f,
            repeated(
                "legal winner thank year wave sausage worth useful",
                "legal winner thank year wave sausage worth title",
            ),
        ),
        (
            0x80,
            repeated(
                "letter advice cage absurd amount doctor acoustic avoid",
                "letter advice cage absurd amount doctor acoustic bless",
            ),
        ),
    ] {
        assert_eq!(*to_words(&[byte; 32]).text(), known);
        let read = from_words(&known).expect("reads");
        assert_eq!(read.expose(), &[byte; 32]);
    }
}

#[test]
fn an_unknown_word_is_named_and_near_ones_are_offered_but_never_written() {
    let mut typed = words(&value(1));
    let right = typed[6];
    let slip = format!("{right}q");
    typed[6] = &slip;
    let error = from_words(&typed.join(" ")).expect_err("not on the list");
    let WordsError::UnknownWord { position, nearest } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*position, 7);
    assert!(nearest.iter().any(|word| word == right));
    let shown = format!("{error} {error:?} {}", error.advice());
    assert!(!shown.contains(right), "{shown}");
}

#[test]
fn words_are_counted() {
    let all = words(&value(2));
    for (typed, found) in [
        (all[..23].join(" "), 23),
        (format!("{} zoo", all.join(" ")), 25),
        (String::new(), 0),
    ] {
        let error = from_words(&typed).expect_err("another number");
        let expected = 24;
        assert_eq!(error, WordsError::Count { expected, found });
    }
    assert_eq!(
        from_words(&"a".repeat(crate::limits::TYPED_BYTES_MAX + 1)).expect_err("one past"),
        WordsError::TooLong
    );
    let longest = " ".repeat(crate::limits::TYPED_BYTES_MAX);
    assert!(matches!(
        from_words(&longest),
        Err(WordsError::Count { found: 0, .. })
    ));
}

/// The checksum lets one wrong word of the list in 256 through; the commitment does not, and names it.
#[test]
fn one_wrong_word_is_found_by_its_commitment() {
    let secret = value(3);
    let right = |read: &Secret| read.expose() == &secret;
    let good = words(&secret);
    assert_eq!(wrong_word(&good.join(" "), right), None, "nothing is wrong");
    for place in [0, 11, 23] {
        let mut typed = good.clone();
        typed[place] = if typed[place] == "zoo" { "able" } else { "zoo" };
        let typed = typed.join(" ");
        assert!(from_words(&typed).is_err() || from_words(&typed).is_ok_and(|v| !right(&v)));
        assert_eq!(wrong_word(&typed, right), Some(place + 1));
    }
    let mut two = good.clone();
    (two[0], two[1]) = ("zoo", "able");
    assert_eq!(wrong_word(&two.join(" "), right), None);
    let mut passing = 0;
    for place in 0..list::LENGTH {
        let mut typed = good.clone();
        typed[4] = list::word(place);
        passing += usize::from(from_words(&typed.join(" ")).is_ok());
    }
    assert!((1..=24).contains(&passing), "{passing} of 2,048");
}

/// Every wrong digit and every two neighbours exchanged, in every group, is found and its group named.
#[test]
fn every_single_slip_in_digits_is_named() {
    for seed in 0..8 {
        let secret = value(seed);
        let good: Vec<char> = to_groups(&secret).chars().collect();
        assert_eq!(good.len(), 20 * 5 + 19);
        let named = |typed: &[char], place: usize| {
            let typed: String = typed.iter().collect();
            let error = from_groups(&typed).expect_err("found");
            let rule = "its check digit does not fit";
            let group = place / 6 + 1;
            assert_eq!(error, WordsError::Group { group, rule }, "{place}");
        };
        for place in (0..good.len()).filter(|place| place % 6 != 5) {
            for digit in ('0'..='9').filter(|digit| *digit != good[place]) {
                let mut typed = good.clone();
                typed[place] = digit;
                named(&typed, place);
            }
            let next = place + 1;
            if place % 6 < 4 && good[place] != good[next] {
                let mut typed = good.clone();
                typed.swap(place, next);
                named(&typed, place);
            }
        }
    }
}

/// Two groups exchanged: by the check digits, or, ten places apart, by the checksum of the whole.
#[test]
fn exchanged_groups_are_found() {
    let text = to_groups(&value(9));
    let good: Vec<&str> = groups_of(&text).collect();
    for first in 0..good.len() {
        for second in first + 1..good.len() {
            let mut typed = good.clone();
            typed.swap(first, second);
            let error = from_groups(&typed.join(" ")).expect_err("found");
            if second - first == 10 {
                assert_eq!(error, WordsError::Groups, "{first} {second}");
            } else {
                let group = first + 1;
                assert!(matches!(error, WordsError::Group { group: named, .. } if named == group));
            }
        }
    }
}

#[test]
fn a_group_left_out_or_misread_is_named() {
    let text = to_groups(&value(10));
    let good: Vec<&str> = groups_of(&text).collect();
    let mut without = good.clone();
    without.remove(4);
    let error = from_groups(&without.join(" ")).expect_err("found");
    assert!(matches!(error, WordsError::Group { group: 5, .. }));
    for bad in ["1234", "123456", "12a45", ""] {
        let mut typed = good.clone();
        typed[2] = bad;
        assert!(matches!(
            from_groups(&typed.join(" ")).expect_err(bad),
            WordsError::Group { group: 3, .. }
        ));
    }
    let short = good[..19].join(" ");
    let (expected, found) = (20, 19);
    assert_eq!(
        from_groups(&short).expect_err("short"),
        WordsError::Count { expected, found }
    );
}

/// What no value has: all nines is a number beyond 863 * 2^256.
#[test]
fn digits_of_no_value_are_refused() {
    let all = groups::written(&[9999; groups::GROUPS]);
    assert_eq!(
        from_groups(&all).expect_err("too large"),
        WordsError::Groups
    );
}

#[test]
fn what_an_input_method_makes_of_it_is_read_too() {
    let secret = value(11);
    let wide = |text: &str| -> String {
        let widen = |letter: char| match letter {
            ' ' => '\u{3000}',
            other => char::from_u32(u32::from(other) + 0xfee0).expect("a full-width form"),
        };
        text.chars().map(widen).collect()
    };
    let (words, digits) = (to_words(&secret).text(), to_groups(&secret));
    for typed in [wide(&words), words.to_uppercase(), words.replace(' ', "\n")] {
        assert_eq!(from_words(&typed).expect("reads").expose(), &secret);
    }
    let typed_digits = [
        wide(&digits),
        digits.replace(' ', "、"),
        digits.replace(' ', "-"),
        digits.replace(' ', ""),
    ];
    for typed in typed_digits {
        assert_eq!(from_groups(&typed).expect("reads").expose(), &secret);
    }
}

#[test]
fn check_values_in_short_are_confirmed_and_others_are_not() {
    let check = [0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0];
    assert_eq!(check_words(&check), ["zoo"; 3]);
    assert_eq!(check_words(&[0; 8]), ["abandon"; 3]);
    let check: [u8; 8] = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0];
    let (said, digits) = (check_words(&check).join(" "), check_groups(&check));
    // 0x123456789abcdef0 >> 25 is 39,093,746,509.
    let bare: String = digits.split(' ').map(|group| &group[..4]).collect();
    assert_eq!(bare, format!("{:012}", 0x1234_5678_9abc_def0_u64 >> 25));
    for typed in [
        said.as_str(),
        &said.to_uppercase(),
        &digits,
        &digits.replace(' ', ""),
    ] {
        assert_eq!(confirm_check(typed, &check), Ok(()), "{typed}");
        let other = confirm_check(typed, &[1; 8]).expect_err("another object");
        assert_eq!(other, WordsError::OtherCheckValue);
    }
    let slip = digits.replacen(
        &digits[..1],
        if digits.starts_with('9') { "8" } else { "9" },
        1,
    );
    assert!(matches!(
        confirm_check(&slip, &check),
        Err(WordsError::Group { group: 1, .. })
    ));
    assert!(matches!(
        confirm_check("zoo zoox zoo", &check),
        Err(WordsError::UnknownWord { position: 2, .. })
    ));
    for typed in ["", "y", "zoo zoo", "zoo zoo zoo zoo", "12345"] {
        assert!(confirm_check(typed, &check).is_err(), "{typed:?}");
    }
}

proptest! {
    #[test]
    fn values_come_back(secret in any::<[u8; 32]>()) {
        let (words, digits) = (to_words(&secret).text(), to_groups(&secret));
        let read = from_words(&words).expect("words are read");
        prop_assert_eq!(read.expose(), &secret);
        let read = from_groups(&digits).expect("digits are read");
        prop_assert_eq!(read.expose(), &secret);
    }

    /// Whatever is typed, there is an answer and no other value.
    #[test]
    fn anything_may_be_typed(typed in "\\PC{0,300}") {
        let _refused = from_words(&typed);
        let _refused = from_groups(&typed);
        let _refused = confirm_check(&typed, &[7; 8]);
    }

    /// Digits anywhere: what is accepted is what would have been printed.
    #[test]
    fn what_is_accepted_is_what_is_printed(parts in prop::collection::vec(0_u32..10_000, groups::GROUPS)) {
        let typed = groups::written(&parts);
        if let Ok(read) = from_groups(&typed) {
            prop_assert_eq!(to_groups(read.expose()), typed);
        }
    }

    #[test]
    fn check_values_tell_objects_apart(check in any::<[u8; 8]>(), bit in 0_usize..33) {
        let mut other = check;
        other[bit / 8] ^= 0x80 >> (bit % 8);
        prop_assert!(confirm_check(&check_words(&check).join(" "), &check).is_ok());
        prop_assert!(confirm_check(&check_groups(&check), &check).is_ok());
        prop_assert_ne!(check_words(&check), check_words(&other));
        prop_assert_ne!(check_groups(&check), check_groups(&other));
    }
}
