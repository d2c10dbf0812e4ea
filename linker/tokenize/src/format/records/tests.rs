//! Lines of files in blocks against those of files that are read whole.

use std::convert::Infallible;

use encoding_rs::SHIFT_JIS;
use proptest::prelude::*;

use super::*;
use crate::format::{
    blocks::bytes_of,
    rows::{RowEnd, Rows},
};

const FORM: Form = Form {
    format: "test",
    starts: |bytes| bytes.starts_with(b"A"),
    rule: "start",
    delimiter: b',',
    quotes: true,
    closed: true,
};

/// The number of a line, its fields, and how it ended.
type Seen = (u64, Vec<Vec<u8>>, RowEnd);
type Whole = Result<(SourceEncoding, Vec<Seen>), ReadError>;

/// The whole file at once.
fn slow(form: &Form, bytes: &[u8]) -> Whole {
    let end = bytes.iter().rposition(|&byte| byte != END_OF_FILE);
    let body = &bytes[..end.map_or(0, |end| end + 1)];
    let last = *body.last().ok_or(ReadError::Empty)?;
    if !(form.starts)(body) {
        let (format, rule) = (form.format, form.rule);
        return Err(ReadError::Structure { format, rule });
    }
    if form.closed && !matches!(last, b'\n' | b'\r') {
        return Err(ReadError::Truncated);
    }
    let encoding = allowed(encoding::detect(body))?;
    let (mut rows, mut fields) = (Rows::new(body, form.delimiter, form.quotes), Vec::new());
    let mut seen = Vec::new();
    while let Some((row, end)) = rows.next(&mut fields) {
        let fields = fields.iter().map(|field| field.of(row).bytes().to_vec());
        seen.push((seen.len() as u64 + 1, fields.collect(), end));
    }
    Ok((encoding, seen))
}

fn in_blocks(form: &Form, bytes: &[u8], block: usize) -> Whole {
    let mut bytes_at = bytes_of::<Infallible>(bytes);
    let mut file = File::new(bytes.len() as u64, &mut bytes_at).in_blocks_of(block);
    let mut seen = Vec::new();
    let encoding = form.open(&mut file).and_then(|mut records| {
        records.each(|number, line| {
            let fields = (1..=line.width()).map(|index| line.bytes(index).bytes().to_vec());
            seen.push((number, fields.collect(), line.end));
            Ok(())
        })?;
        Ok(records.persons.encoding)
    });
    match encoding {
        Ok(encoding) => Ok((encoding, seen)),
        Err(Stopped::File(error)) => Err(error),
        Err(Stopped::Caller(never)) => match never {},
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn blocks_change_no_line(
        parts in prop::collection::vec(prop::sample::select(vec![
            "A,1", "B,山田", "ﾔﾏﾀﾞ", ",", "\"", "\"\"", "\r\n", "\n", "\r", "\u{1a}", "x", "",
        ]), 0..32),
        block in 4_usize..40,
        cp932 in any::<bool>(),
        quotes in any::<bool>(),
        closed in any::<bool>(),
    ) {
        let text = format!("A{}", parts.concat());
        let bytes = if cp932 { SHIFT_JIS.encode(&text).0.into_owned() } else { text.into_bytes() };
        let form = Form { quotes, closed, ..FORM };
        prop_assert_eq!(in_blocks(&form, &bytes, block), slow(&form, &bytes));
    }

    #[test]
    fn long_files_with_blocks_of_every_size(
        seed in 1_usize..1000,
        block in 4_usize..65_536,
        japanese in 0_usize..3000,
    ) {
        // Lines of many lengths, of which those from some place on have Japanese.
        let mut text = String::from("A\r\n");
        for number in 0..3000 {
            text.push_str(&format!("B,{},", number * seed));
            text.push_str(&"x".repeat(number * seed % 61));
            text.push_str(if number >= japanese { ",山田ﾊﾅｺ\r\n" } else { "\r\n" });
        }
        text.push_str("\u{1a}\u{1a}");
        let bytes = SHIFT_JIS.encode(&text).0;
        prop_assert!(in_blocks(&FORM, &bytes, block) == slow(&FORM, &bytes));
    }
}

#[test]
fn marks_at_the_end_of_a_file_are_passed_over_however_many_they_are() {
    for marks in [1, 4095, 4096, 10_000] {
        let bytes = [b"A,1\r\n".as_slice(), &vec![END_OF_FILE; marks]].concat();
        assert_eq!(in_blocks(&FORM, &bytes, 64), slow(&FORM, &bytes));
        assert_eq!(in_blocks(&FORM, &bytes[5..], 64), Err(ReadError::Empty));
    }
}
