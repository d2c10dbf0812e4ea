//! Rows whole, in parts, plain and byte after byte.

use proptest::prelude::*;

use super::*;

type Read = Vec<(Vec<String>, RowEnd)>;

fn take(rows: &mut Rows<'_>, out: &mut Read) {
    let mut fields = Vec::new();
    while let Some((row, end)) = rows.next(&mut fields) {
        let texts = fields
            .iter()
            .map(|span| String::from_utf8_lossy(span.of(row).bytes()).into_owned());
        out.push((texts.collect(), end));
    }
}

fn all(text: &str) -> Read {
    read_all(text.as_bytes())
}

fn read_all(bytes: &[u8]) -> Read {
    let mut out = Vec::new();
    take(&mut Rows::new(bytes, b',', true), &mut out);
    out
}

/// Byte after byte: nothing is plain, nothing is known before it is there.
fn slowly(bytes: &[u8]) -> Read {
    let (mut out, mut fields) = (Vec::new(), Vec::new());
    let mut rows = Rows::new(bytes, b',', true);
    while rows.at < bytes.len() {
        fields.clear();
        let start = rows.at;
        let end = loop {
            match rows.field(start, &mut fields) {
                Ok(true) => {}
                Ok(false) if matches!(bytes[rows.at - 1], b'\n' | b'\r') => break RowEnd::Line,
                Ok(false) => break RowEnd::File,
                Err(end) => {
                    rows.at = start;
                    rows.skip_line();
                    break end;
                }
            }
        };
        let texts = fields
            .iter()
            .map(|span| String::from_utf8_lossy(span.of(&bytes[start..]).bytes()).into_owned());
        out.push((texts.collect(), end));
    }
    out
}

/// What a reader of blocks does: what could not be read yet stays and the next block is added to it.
fn in_parts(bytes: &[u8], cuts: &[usize]) -> Read {
    let (mut out, mut held, mut skipping) = (Vec::new(), Vec::new(), false);
    let mut rest = bytes;
    for at in 0..=cuts.len() {
        let cut = cuts.get(at).map_or(rest.len(), |&cut| cut.min(rest.len()));
        let (block, after) = rest.split_at(cut);
        rest = after;
        held.extend_from_slice(block);
        let mut rows = Rows::part(&held, b',', true, at == cuts.len(), skipping);
        take(&mut rows, &mut out);
        let (read, still) = rows.state();
        held.drain(..read);
        skipping = still;
    }
    assert!(held.is_empty() && !skipping);
    out
}

fn row(fields: &[&str], end: RowEnd) -> (Vec<String>, RowEnd) {
    (fields.iter().map(|&f| f.to_owned()).collect(), end)
}

proptest! {
    #[test]
    fn eight_bytes_at_a_time_end_where_single_ones_do(
        bytes in prop::collection::vec(prop_oneof![
            4 => any::<u8>(),
            1 => prop::sample::select(b",\n\r-\x0b\x0c\x8a\x8d\xac\x00".to_vec()),
        ], 0..40),
    ) {
        let ends = |&b: &u8| b == b',' || b == b'\n' || b == b'\r';
        let length = bytes.iter().position(ends).unwrap_or(bytes.len());
        prop_assert_eq!(end_of_field(&bytes, b','), length);
    }

    #[test]
    fn every_byte_is_seen_in_a_plain_row(
        bytes in prop::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b',')], 0..60),
    ) {
        let text = [bytes.as_slice(), b"\n12345678"].concat();
        prop_assert_eq!(read_all(&text), slowly(&text));
    }

    #[test]
    fn parts_and_plain_rows_say_what_the_whole_says(
        text in "([a山,\"\r\n]|\"[a,\n]{0,3}\"|\r\n|\"\"|ab){0,40}",
        cuts in prop::collection::vec(0_usize..12, 0..12),
    ) {
        let expected = slowly(text.as_bytes());
        prop_assert_eq!(&all(&text), &expected);
        prop_assert_eq!(&in_parts(text.as_bytes(), &cuts), &expected);
    }
}

#[test]
fn rows_at_the_limits_are_the_same_in_parts() {
    let quoted = |length: usize| format!("\"{}\",b\r\nc\n", "x,\n\"\"".repeat(length / 5));
    for text in [
        format!("{}\r\nb,c\n", "x".repeat(ROW_BYTES_MAX)),
        format!("{}\r\nb,c\n", "x".repeat(ROW_BYTES_MAX + 1)),
        format!("{}\r\nb,c\n", "x".repeat(3 * ROW_BYTES_MAX)),
        format!("\"{}\r\nb,c\n", "x".repeat(3 * ROW_BYTES_MAX)),
        format!("{}\nb,c\r", ",".repeat(COLUMNS_MAX)),
        quoted(ROW_BYTES_MAX - 10),
        quoted(ROW_BYTES_MAX),
        quoted(ROW_BYTES_MAX + 10),
    ] {
        let expected = slowly(text.as_bytes());
        assert!(all(&text) == expected);
        for cut in [
            1,
            ROW_BYTES_MAX - 1,
            ROW_BYTES_MAX,
            ROW_BYTES_MAX + 1,
            2 * ROW_BYTES_MAX,
        ] {
            assert!(
                in_parts(text.as_bytes(), &[cut, 1, 1, ROW_BYTES_MAX]) == expected,
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn rows_and_quotes() {
    assert_eq!(
        all("a,b\r\n\"x,\"\"y\"\"\n\",\r\n,c"),
        [
            row(&["a", "b"], RowEnd::Line),
            row(&["x,\"y\"\n", ""], RowEnd::Line),
            row(&["", "c"], RowEnd::File)
        ]
    );
    assert_eq!(all("a,"), [row(&["a", ""], RowEnd::File)]);
    assert_eq!(
        all("a\rb\n"),
        [row(&["a"], RowEnd::Line), row(&["b"], RowEnd::Line)]
    );
    assert_eq!(all(""), []);
}

#[test]
fn a_bad_row_does_not_swallow_the_next() {
    let rows = all("a,\"open\nb,c\n\"d\"e,f\ng,h\n");
    assert_eq!(rows[0].1, RowEnd::StrayQuote);
    assert_eq!(rows[1], row(&["b", "c"], RowEnd::Line));
    assert_eq!(rows[2].1, RowEnd::StrayQuote);
    assert_eq!(rows[3], row(&["g", "h"], RowEnd::Line));
    assert_eq!(all("a,\"open\nb,c\n")[0].1, RowEnd::OpenQuote);
}

#[test]
fn one_byte_and_one_column_past_the_limits() {
    let long = "x".repeat(ROW_BYTES_MAX);
    assert_eq!(all(&format!("{long}\n"))[0].1, RowEnd::Line);
    assert_eq!(all(&format!("{long}x\n"))[0].1, RowEnd::TooLong);
    let wide = ",".repeat(COLUMNS_MAX - 1);
    assert_eq!(all(&format!("{wide}\n"))[0].1, RowEnd::Line);
    assert_eq!(all(&format!("{wide},\n"))[0].1, RowEnd::TooLong);
}
