//! A thousand kinds of damage to a closed transcript: every one is found, and the first bad line is named.

use super::tests::{first_bad, written};

/// Numbers that repeat from run to run, so that a failure can be looked at (`SplitMix64`).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit as u64).expect("below a usize")
    }
}

/// The number of the line in which a byte stands, counted from one.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

fn bad_line(bytes: Vec<u8>, folder: &std::path::Path, csk: &[u8]) -> usize {
    let path = folder.join("damaged.jsonl");
    std::fs::write(&path, bytes).expect("writes");
    let refused = super::verify(&path, csk).expect_err("damaged");
    let crate::error::CeremonyError::Transcript { line, .. } = refused else {
        unreachable!("not refused as a transcript: {refused}");
    };
    line
}

#[test]
fn a_thousand_changed_bytes_are_found_and_named() {
    use keymgmt_custody::Custody as _;
    let folder = tempfile::tempdir().expect("a folder");
    let (text, custody) = written(folder.path(), 12);
    let mut seeded = Seeded(1);
    for round in 0..1_000 {
        let at = seeded.below(text.len());
        let mut bytes = text.clone().into_bytes();
        let change = u8::try_from(1 + seeded.below(255)).expect("one byte");
        bytes[at] ^= change;
        let line = bad_line(bytes, folder.path(), custody.audit_public_key());
        assert_eq!(
            line,
            line_of(&text, at),
            "round {round}, byte {at} ^ {change}"
        );
    }
}

#[test]
fn removed_swapped_and_doubled_lines_are_found_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, custody) = written(folder.path(), 12);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let mut seeded = Seeded(2);
    for _ in 0..1_000 {
        let (one, two) = (seeded.below(lines.len()), seeded.below(lines.len()));
        let mut damaged = lines.clone();
        let named = match seeded.below(3) {
            0 => {
                damaged.remove(one);
                one + 1
            }
            1 if one != two => {
                damaged.swap(one, two);
                one.min(two) + 1
            }
            _ => {
                damaged.insert(one + 1, lines[one]);
                one + 2
            }
        };
        assert_eq!(first_bad(&damaged.concat(), &custody).0, named);
    }
}

#[test]
fn a_truncation_is_found_wherever_it_cuts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, custody) = written(folder.path(), 12);
    let mut seeded = Seeded(3);
    let ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let last = text.len();
    let whole_lines = ends.iter().copied().filter(|end| *end < last);
    let random = (0..1_000).map(|_| seeded.below(last));
    for end in whole_lines.chain(random).chain([last - 1]) {
        assert_eq!(first_bad(&text[..end], &custody).0, line_of(&text, end));
    }
}
