//! Which words somebody may have meant.

use super::{error::Nearest, list};

/// No word of the list is longer; whatever is typed beyond cannot make it likelier.
const LETTERS: usize = 8;
/// More changes than this, and a word has nothing to do with what was typed.
const CHANGES_MAX: usize = 2;

/// The words of the list that fewest changes of letters make of the typed one.
pub(super) fn nearest(typed: &str) -> Nearest {
    let typed: Vec<char> = typed.chars().take(LETTERS + CHANGES_MAX + 1).collect();
    let mut found: Vec<(usize, bool, &'static str)> = list::all()
        .iter()
        .map(|word| {
            let other_start = word.chars().next() != typed.first().copied();
            (changes(&typed, word), other_start, *word)
        })
        .filter(|(changes, ..)| *changes <= CHANGES_MAX)
        .collect();
    found.sort_unstable();
    Nearest::new(found.into_iter().map(|(.., word)| word))
}

/// Letters put in, left out, replaced, or swapped with their neighbour (optimal string alignment).
fn changes(typed: &[char], word: &str) -> usize {
    let word: Vec<char> = word.chars().collect();
    let mut before_last = vec![0; word.len() + 1];
    let mut last: Vec<usize> = (0..=word.len()).collect();
    for (row, &letter) in typed.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, &other) in word.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut best = replaced.min(last[column + 1] + 1).min(line[column] + 1);
            let swapped =
                row > 0 && column > 0 && typed[row - 1] == other && word[column - 1] == letter;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            line.push(best);
        }
        before_last = std::mem::replace(&mut last, line);
    }
    last[word.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand_find_their_word() {
        for (typed, meant) in [
            ("abandn", "abandon"),
            ("abandonn", "abandon"),
            ("abnadon", "abandon"),
            ("abamdon", "abandon"),
            ("zo", "zoo"),
            ("wimter", "winter"),
            ("wniter", "winter"),
        ] {
            let found = nearest(typed);
            assert_eq!(found.iter().next(), Some(meant), "{typed}");
        }
        assert_eq!(nearest("qqqqqqqq").iter().count(), 0);
        assert_eq!(
            nearest("").iter().next(),
            None,
            "the shortest word has three letters"
        );
        assert!(nearest("bat").iter().count() <= 3);
    }

    #[test]
    fn changes_are_counted_as_the_definition_says() {
        let count = |typed: &str, word: &str| {
            let typed: Vec<char> = typed.chars().collect();
            changes(&typed, word)
        };
        for (typed, word, known) in [
            ("", "zoo", 3),
            ("zoo", "zoo", 0),
            ("ozo", "zoo", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(count(typed, word), known, "{typed} {word}");
        }
    }
}
