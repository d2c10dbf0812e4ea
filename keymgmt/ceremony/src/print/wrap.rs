//! Lines of a text. Latin breaks at spaces, Japanese between characters, except where its rules forbid it.

use super::canvas::{Canvas, Style};
use crate::error::CeremonyError;

/// No line starts with these.
const NO_START: &str = "、。，．・：；？！）」』】〉》〕］｝ー々ゝゞぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ)]},.:;?!";
/// No line ends with these.
const NO_END: &str = "（「『【〈《〔［｛([{";

/// Cuts a text into lines of at most a width. A word wider than the line is cut where the line ends.
pub(super) fn wrap(
    canvas: &Canvas,
    style: Style,
    text: &str,
    width: f32,
) -> Result<Vec<String>, CeremonyError> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        let longer = format!("{line}{piece}");
        if canvas.width(style, longer.trim_end())? <= width {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(line.trim_end().to_owned());
        }
        line = cut(canvas, style, &mut lines, piece, width)?;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    Ok(lines)
}

/// Puts the lines that a single piece fills, and gives what is left of it.
fn cut(
    canvas: &Canvas,
    style: Style,
    lines: &mut Vec<String>,
    piece: &str,
    width: f32,
) -> Result<String, CeremonyError> {
    let mut line = String::new();
    for character in piece.chars() {
        line.push(character);
        let fits = canvas.width(style, line.trim_end())? <= width;
        if !fits && line.chars().count() > 1 {
            line.pop();
            lines.push(line.trim_end().to_owned());
            line.clear();
            line.push(character);
        }
    }
    Ok(line)
}

/// The pieces between which a line may end, spaces at their ends.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (place, character) in text.char_indices() {
        if before.is_some_and(|before| may_break(before, character)) {
            pieces.push(&text[start..place]);
            start = place;
        }
        before = Some(character);
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

fn may_break(before: char, after: char) -> bool {
    if after == ' ' || NO_START.contains(after) || NO_END.contains(before) {
        return false;
    }
    before == ' ' || is_wide(before) || is_wide(after)
}

/// Japanese script and its punctuation.
fn is_wide(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STYLE: Style = Style::text(10.0);

    fn lines(text: &str, width: f32) -> Vec<String> {
        let canvas = Canvas::new(1024).expect("a canvas");
        wrap(&canvas, STYLE, text, width).expect("wraps")
    }

    #[test]
    fn japanese_breaks_anywhere_but_before_a_stop() {
        assert_eq!(lines("漢字漢字。漢字", 40.0), ["漢字漢", "字。漢字"]);
        assert_eq!(lines("漢字（漢）字", 30.0), ["漢字", "（漢）字"]);
        assert_eq!(lines("漢字「漢字", 30.0), ["漢字", "「漢字"]);
        assert_eq!(lines("", 40.0), [""]);
    }

    #[test]
    fn latin_breaks_at_spaces_and_long_words_where_the_line_ends() {
        assert_eq!(lines("one two three", 45.0), ["one two", "three"]);
        assert!(lines(&"x".repeat(100), 45.0).len() > 5);
    }

    proptest! {
        /// Nothing is lost but spaces at the ends of lines, and no line is too wide.
        #[test]
        fn nothing_is_lost(text in "[a-z 漢字、。（）あいう]{0,80}", width in 20.0_f32..200.0) {
            let canvas = Canvas::new(1024).expect("a canvas");
            let lines = wrap(&canvas, STYLE, &text, width).expect("wraps");
            let dense = |text: &str| text.replace(' ', "");
            prop_assert_eq!(dense(&lines.concat()), dense(&text));
            for line in &lines {
                let measured = canvas.width(STYLE, line).expect("measures");
                prop_assert!(measured <= width || line.chars().count() == 1, "{}", line);
            }
        }
    }
}
