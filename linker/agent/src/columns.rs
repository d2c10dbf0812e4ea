//! Columns of text on a terminal, where a Japanese character is two cells wide.

use unicode_width::UnicodeWidthStr as _;

/// Spaces between two columns.
const GAP: usize = 2;

/// Lines whose cells are separated by tabs, set out in columns. Neighbouring lines with tabs make one
/// table; lines without stay as they are.
#[must_use]
pub fn aligned(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    let mut out = String::with_capacity(2 * text.len());
    for block in lines.chunk_by(|one, two| (one.len() > 1) == (two.len() > 1)) {
        let mut widths = Vec::new();
        for cells in block {
            // The last cell of a line needs no room to its right.
            for (at, cell) in cells[..cells.len() - 1].iter().enumerate() {
                widths.resize(widths.len().max(at + 1), 0);
                widths[at] = cell.width().max(widths[at]);
            }
        }
        for cells in block {
            for (at, cell) in cells.iter().enumerate() {
                out += cell;
                if at + 1 < cells.len() {
                    out.extend(std::iter::repeat_n(' ', widths[at] - cell.width() + GAP));
                }
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_cells() {
        let text = "head\n1\t氏名\tx\n10\tid\ty\nfoot\n";
        assert_eq!(aligned(text), "head\n1   氏名  x\n10  id    y\nfoot\n");
        assert_eq!(aligned("half ｶﾅ\ta\nカナ\tb\n"), "half ｶﾅ  a\nカナ     b\n");
        assert_eq!(aligned(""), "");
    }
}
