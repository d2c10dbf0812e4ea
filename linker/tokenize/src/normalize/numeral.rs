//! Numbers in figures and in kanji numerals.

/// A number in figures or kanji numerals at `at`, and where it ends. At most six characters.
pub(super) fn numeral(chars: &[char], at: usize) -> Option<(u32, usize)> {
    let run = |is: fn(char) -> bool| {
        chars[at.min(chars.len())..]
            .iter()
            .take_while(|&&c| is(c))
            .count()
    };
    let figures = run(|c| c.is_ascii_digit());
    if figures > 0 {
        let text: String = chars[at..at + figures].iter().collect();
        return (figures <= 6)
            .then(|| text.parse().ok())?
            .map(|value| (value, at + figures));
    }
    let length = run(|c| kanji_digit(c).is_some() || matches!(c, '十' | '百' | '千'));
    if length == 0 || length > 6 {
        return None;
    }
    kanji_number(&chars[at..at + length]).map(|value| (value, at + length))
}

fn kanji_digit(c: char) -> Option<u32> {
    "〇一二三四五六七八九"
        .chars()
        .position(|digit| digit == c)
        .and_then(|value| u32::try_from(value).ok())
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
}
