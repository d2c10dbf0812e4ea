//! Numbers in figures and in kanji numerals.

/// Longest number, in characters. Longer runs are no number of a place or a block.
const CHARS_MAX: usize = 6;

/// A number in figures or kanji numerals at `at`, and where it ends. At most six characters.
pub(super) fn numeral(chars: &[char], at: usize) -> Option<(u32, usize)> {
    let figures = run(chars, at, |c| c.is_ascii_digit());
    if figures > 0 {
        let digits = chars[at..at + figures].iter();
        let value = digits.fold(0, |value, c| value * 10 + c.to_digit(10).unwrap_or(0));
        return (figures <= CHARS_MAX).then_some((value, at + figures));
    }
    let length = run(chars, at, |c| {
        kanji_digit(c).is_some() || matches!(c, '十' | '百' | '千')
    });
    if length == 0 || length > CHARS_MAX {
        return None;
    }
    kanji_number(&chars[at..at + length]).map(|value| (value, at + length))
}

/// Whether a run of figures begins here that is too long for a number.
pub(super) fn is_too_long(chars: &[char], at: usize) -> bool {
    run(chars, at, |c| c.is_ascii_digit()) > CHARS_MAX
}

/// Characters of one kind from `at` on. One past the bound is enough to know that a run is too long, so
/// a text of nothing but figures costs a few looks at every place and not one at all that follow.
fn run(chars: &[char], at: usize, is: impl Fn(char) -> bool) -> usize {
    let rest = chars.get(at..).unwrap_or_default();
    let looked_at = rest.iter().take(CHARS_MAX + 1);
    looked_at.take_while(|&&c| is(c)).count()
}

pub(super) fn kanji_digit(c: char) -> Option<u32> {
    Some(match c {
        '〇' => 0,
        '一' => 1,
        '二' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    })
}

/// 二十三 and 二三 alike.
fn kanji_number(chars: &[char]) -> Option<u32> {
    if chars.iter().all(|&c| kanji_digit(c).is_some()) {
        let digits = chars.iter().filter_map(|&c| kanji_digit(c));
        return Some(digits.fold(0, |value, digit| value * 10 + digit));
    }
    let (mut total, mut pending) = (0, None);
    for &c in chars {
        let unit = match c {
            '十' => 10,
            '百' => 100,
            '千' => 1000,
            c => {
                if pending.is_some() {
                    return None;
                }
                pending = kanji_digit(c);
                continue;
            }
        };
        total += pending.take().unwrap_or(1) * unit;
    }
    Some(total + pending.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kanji_numbers() {
        for (text, value) in [
            ("一", 1),
            ("十", 10),
            ("二十三", 23),
            ("一〇五", 105),
            ("百二", 102),
            ("千二百", 1200),
        ] {
            let chars: Vec<char> = text.chars().collect();
            assert_eq!(kanji_number(&chars), Some(value), "{text}");
        }
        assert_eq!(kanji_number(&['十', '二', '三']), None);
    }

    #[test]
    fn runs_one_past_the_bound_are_no_numbers() {
        for c in ['1', '一'] {
            let (longest, past) = (vec![c; CHARS_MAX], vec![c; CHARS_MAX + 1]);
            assert_eq!(numeral(&longest, 0), Some((111_111, CHARS_MAX)));
            assert_eq!(numeral(&past, 0), None);
            assert_eq!(numeral(&past, 1), Some((111_111, CHARS_MAX + 1)));
            assert_eq!(run(&[c; 100], 3, |_| true), CHARS_MAX + 1);
        }
    }
}
