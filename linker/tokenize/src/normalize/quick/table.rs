//! What is known of every character of the basic plane: its clean form, its folded form, its classes.

use std::sync::LazyLock;

use unicode_normalization::{
    IsNormalized, UnicodeNormalization as _,
    char::{canonical_combining_class, compose},
    is_nfkc_quick,
};

use crate::{
    format::encoding::cp932::{Pairs, lead},
    normalize::{
        kanji,
        text::{WILDCARD, is_han, is_invisible, is_kana, is_unknown},
    },
};

/// Instead of a clean form: the full rule decides. No clean character has a number this low.
pub(super) const SLOW: u16 = 0;
/// Instead of a clean form: a blank.
pub(super) const BLANK: u16 = 1;
/// Instead of a clean form: left out.
pub(super) const SKIP: u16 = 2;
/// Instead of a clean form: the voiced mark in any form.
pub(super) const VOICED: u16 = 3;
/// Instead of a clean form: the semi-voiced mark in any form.
pub(super) const SEMI_VOICED: u16 = 4;

/// Han characters.
pub(super) const HAN: u16 = 1;
/// Hiragana and katakana.
pub(super) const KANA: u16 = 1 << 1;
/// In a name: part of a title, a note or a mark of newborns and tests, so the full rule must look.
pub(super) const NAME_CARE: u16 = 1 << 2;
/// Digits and kanji numerals.
pub(super) const NUMERAL: u16 = 1 << 3;
/// In a town: one of the characters that have rules of their own.
pub(super) const TOWN_CARE: u16 = 1 << 4;
/// In a town: stays as it is.
pub(super) const TOWN: u16 = 1 << 5;
/// The iteration marks of kanji.
pub(super) const ITERATION: u16 = 1 << 6;

/// Characters of the basic plane.
const PLANE: u32 = 0x1_0000;

/// What is known of one character.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry {
    /// Its clean form, or one of the constants above.
    pub(super) clean: u16,
    /// The strict fold of its clean form; a blank's is a blank.
    pub(super) folded: u16,
    /// Classes of the folded form.
    pub(super) class: u16,
}

impl Entry {
    /// The folded form.
    pub(super) fn folded(self) -> char {
        number(self.folded)
    }

    /// Whether the folded form is of one of these classes.
    pub(super) fn is(self, classes: u16) -> bool {
        self.class & classes != 0
    }
}

/// A number of the table as the character that it stands for.
pub(super) fn number(number: u16) -> char {
    char::from_u32(number.into()).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// One entry for every character of CP932, by its bytes: 68 KiB, most of which a processor keeps near.
pub(super) struct Cp932Table {
    singles: Vec<Option<Entry>>,
    pairs: Vec<Option<Entry>>,
}

impl Cp932Table {
    /// The entry of the character that begins with `byte` and may go on in `rest`; `None` if there is none.
    pub(super) fn of(&self, byte: u8, rest: &mut std::slice::Iter<'_, u8>) -> Option<Entry> {
        match lead(byte) {
            None => self.singles[usize::from(byte)],
            Some(lead) => Pairs::place(lead, *rest.next()?).and_then(|place| self.pairs[place]),
        }
    }
}

pub(super) fn cp932_table() -> &'static Cp932Table {
    static TABLE: LazyLock<Cp932Table> = LazyLock::new(|| {
        let entry = |number: u16| char::from_u32(number.into()).map(|c| table().of(c));
        let single = |byte: u8| match byte {
            0..=0x80 => entry(byte.into()),
            0xa1..=0xdf => entry(0xff61 + u16::from(byte - 0xa1)),
            _ => None,
        };
        let pairs = Pairs::get().all().iter();
        Cp932Table {
            singles: (0..=255).map(single).collect(),
            pairs: pairs
                .map(|&number| entry(number).filter(|_| number != 0))
                .collect(),
        }
    });
    &TABLE
}

/// The character that another one becomes with a voiced or a semi-voiced mark.
pub(super) fn with_mark(c: char, voiced: bool) -> Option<char> {
    /// The block of kana, to which all belong that take a mark.
    const FIRST: u32 = 0x3040;
    const LAST: u32 = 0x30ff;
    static JOINED: LazyLock<Vec<[Option<char>; 2]>> = LazyLock::new(|| {
        let kana = (FIRST..=LAST).filter_map(char::from_u32);
        kana.map(|c| [compose(c, '\u{309a}'), compose(c, '\u{3099}')])
            .collect()
    });
    let at = u32::from(c).checked_sub(FIRST)?;
    JOINED.get(at as usize)?[usize::from(voiced)]
}

/// One entry for every character of the basic plane: 6 bytes each, 384 KiB, of which a text touches
/// what its characters need.
pub(super) struct Table(Vec<Entry>);

impl Table {
    /// The entry of a character; `None` outside the basic plane.
    pub(super) fn get(&self, c: char) -> Option<Entry> {
        self.0.get(u32::from(c) as usize).copied()
    }

    /// The entry of a character of the basic plane.
    pub(super) fn of(&self, c: char) -> Entry {
        self.0[u32::from(c) as usize]
    }
}

pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        Table(
            (0..PLANE)
                .map(|at| char::from_u32(at).map_or(Entry::default(), entry))
                .collect(),
        )
    });
    &TABLE
}

fn entry(c: char) -> Entry {
    let clean = clean(c);
    let Some(cleaned) = char::from_u32(u32::from(clean)).filter(|_| clean > SEMI_VOICED) else {
        return Entry {
            clean,
            folded: if clean == BLANK { 0x20 } else { 0 },
            class: 0,
        };
    };
    let folded = kanji::strict(cleaned.encode_utf8(&mut [0; 4]));
    let folded = folded.chars().next().unwrap_or(cleaned);
    u16::try_from(u32::from(folded)).map_or(Entry::default(), |number| Entry {
        clean,
        folded: number,
        class: class(folded),
    })
}

/// What [`crate::normalize::text::clean`] makes of a character, whatever stands beside it.
fn clean(c: char) -> u16 {
    match c {
        '゛' | '\u{ff9e}' | '\u{3099}' => return VOICED,
        '゜' | '\u{ff9f}' | '\u{309a}' => return SEMI_VOICED,
        c if is_invisible(c) => return SKIP,
        c if is_unknown(c) => return u16::try_from(u32::from(WILDCARD)).unwrap_or(SLOW),
        c if c.is_whitespace() => return BLANK,
        _ => {}
    }
    let mut forms = c.nfkc();
    let (Some(form), None) = (forms.next(), forms.next()) else {
        return SLOW;
    };
    // Such a character neither joins one before it nor waits for one after it, but for the marks above.
    let alone = canonical_combining_class(form) == 0
        && is_nfkc_quick(std::iter::once(form)) == IsNormalized::Yes;
    let plain = alone && !is_invisible(form) && !form.is_whitespace();
    match form {
        _ if !plain => SLOW,
        form if is_unknown(form) => u16::try_from(u32::from(WILDCARD)).unwrap_or(SLOW),
        form => u16::try_from(u32::from(form)).unwrap_or(SLOW),
    }
}

fn class(c: char) -> u16 {
    let mut class = 0;
    for (member, of) in [
        (is_han(c), HAN),
        (is_kana(c), KANA),
        (
            "テてビびプー児第モメめョロろシしなナ試検動練研仮架明詳定名登当無".contains(c)
                || c.to_uppercase().ne([c]),
            NAME_CARE,
        ),
        (
            c.is_ascii_digit() || "〇一二三四五六七八九十百千".contains(c),
            NUMERAL,
        ),
        ("大字ヶケヵがガカのノ之乃ッツっつ".contains(c), TOWN_CARE),
        (c.is_alphanumeric() || matches!(c, WILDCARD | 'ー'), TOWN),
        (matches!(c, '々' | '仝'), ITERATION),
    ] {
        class |= if member { of } else { 0 };
    }
    class
}
