//! Lines of files in blocks against those of files in memory.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::format::{blocks::bytes_of, fhir::walk::Kind};

/// A row and what was found in it.
type Seen = (u64, Result<(Kind, String), RowError>);

fn in_blocks(bytes: &[u8], block: usize, line_max: usize) -> (Vec<Seen>, Option<ReadError>) {
    let mut bytes_at = bytes_of::<Infallible>(bytes);
    let mut file = File::new(bytes.len() as u64, &mut bytes_at).in_blocks_of(block);
    let mut seen = Vec::new();
    let walked = Walks::with_lines_of(&mut file, line_max).and_then(|mut walks| {
        walks.each(&mut |row, resource| {
            seen.push((row, resource.map(|at| (at.kind, at.json.trim().to_owned()))));
            Ok(())
        })
    });
    let error = walked.err().map(|stopped| match stopped {
        Stopped::File(error) => error,
        Stopped::Caller(never) => match never {},
    });
    (seen, error)
}

fn slow(bytes: &[u8]) -> (Vec<Seen>, Option<ReadError>) {
    let mut seen = Vec::new();
    let walked = each(bytes, &mut |row, resource| {
        seen.push((row, resource.map(|at| (at.kind, at.json.trim().to_owned()))));
        Ok::<(), ReadError>(())
    });
    (seen, walked.err())
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"1"}"#;
const COVERAGE: &str = r#"{"resourceType":"Coverage"}"#;
const BUNDLE: &str = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}},{},{"resource":1}]}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn blocks_change_no_line(
        parts in prop::collection::vec(prop::sample::select(vec![
            PATIENT, COVERAGE, BUNDLE, "\n", "\n", "\n", "\r\n", " ", "{", "}", "[]", "\u{feff}", "1",
        ]), 0..16),
        block in 4_usize..80,
    ) {
        let bytes = parts.concat().into_bytes();
        // No line is too long, and a file with a whole first line is not short.
        let line_max = bytes.len().saturating_sub(1).max(1);
        prop_assert_eq!(in_blocks(&bytes, block, line_max), slow(&bytes));
    }
}

#[test]
fn lines_of_a_file_that_is_not_in_memory() {
    let text = format!("\n {PATIENT}\n\n{BUNDLE}\r\n{{\n{COVERAGE}\n\u{3042}{PATIENT}");
    let (seen, error) = in_blocks(text.as_bytes(), 7, BUNDLE.len() + 2);
    assert_eq!(
        (seen.as_slice(), error),
        (slow(text.as_bytes()).0.as_slice(), None)
    );
    assert_eq!(seen.len(), 6);
    let rows: Vec<_> = seen.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [1, 3, 5, 6, 7, 8]);
}

#[test]
fn a_line_that_is_too_long_is_one_row_that_is_left_out() {
    let limit = BUNDLE.len();
    let at = format!("{PATIENT}\n{}\n{PATIENT}\n", "x".repeat(limit - 1));
    let past = format!("{PATIENT}\n{}\n{PATIENT}\n", "x".repeat(limit));
    let last = format!("{PATIENT}\n{}", "x".repeat(3 * limit));
    let error = |text: &str, block| {
        let (seen, error) = in_blocks(text.as_bytes(), block, limit);
        assert_eq!(error, None);
        (seen[1].1.as_ref().err().copied(), seen.len())
    };
    let field = "the row";
    for block in [4, 7, 64, 4096] {
        assert_eq!(error(&at, block), (Some(RowError::Malformed), 3));
        let too_long = Some(RowError::TooLong { field, limit });
        assert_eq!(error(&past, block), (too_long, 3));
        assert_eq!(error(&last, block), (too_long, 2));
    }
}

#[test]
fn a_value_past_the_limit_is_refused() {
    let mut bytes_at = |at: u64, space: &mut [u8]| {
        space.fill(b' ');
        if at == 0
            && let Some(first) = space.first_mut()
        {
            *first = b'{';
        }
        Ok::<usize, Infallible>(space.len())
    };
    let length = FHIR_VALUE_BYTES_MAX as u64 + 1;
    let mut file = File::new(length, &mut bytes_at);
    let stopped = Walks::of(&mut file).err();
    assert!(matches!(
        stopped,
        Some(Stopped::File(ReadError::TooLarge { .. }))
    ));
}
