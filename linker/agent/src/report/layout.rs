//! Texts with places, and texts of a width: characters of East Asia take two columns of a terminal.

/// A text with its places filled.
#[must_use]
pub(super) fn filled(text: &str, values: &[&str]) -> String {
    let mut out = text.to_owned();
    for (index, value) in values.iter().enumerate() {
        out = out.replace(&format!("%{}", index + 1), value);
    }
    out
}

/// Columns that a text takes on a terminal: characters of East Asia take two.
#[must_use]
pub(super) fn columns(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c),
            0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// A text filled up with blanks on the right.
#[must_use]
pub(super) fn left(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// A text filled up with blanks on the left.
#[must_use]
pub(super) fn right(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{}{text}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_terminal() {
        assert_eq!(columns("abc"), 3);
        assert_eq!(columns("漢字ab"), 6);
        assert_eq!(columns("ｶﾅ"), 2);
        assert_eq!(left("漢字", 6), "漢字  ");
        assert_eq!(right("漢字", 6), "  漢字");
        assert_eq!(filled("%1 of %2", &["a", "b"]), "a of b");
    }
}
