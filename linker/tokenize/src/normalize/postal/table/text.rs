//! How the table is stored: the text that the program carries, and its lines.

use flate2::{Decompress, FlushDecompress};

use crate::normalize::address;

/// The table as `data/postal.py` makes it; the script says what the lines mean.
const SHIPPED: &[u8] = include_bytes!("../../../../data/postal.zlib");
/// More than the text inside has.
const TEXT_BYTES_MAX: usize = 2 << 20;
/// What a code of a row says of its town.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The town has this code and no other.
    Whole,
    /// The town has other codes too.
    Part,
    /// The code is a building's.
    Building,
}

/// One code and one town that has it. Places in the text are below [`TEXT_BYTES_MAX`].
pub(super) struct Row {
    pub(super) code: u32,
    pub(super) municipality: u16,
    pub(super) extent: Extent,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A municipality, its rows not yet known.
pub(super) struct Municipality {
    pub(super) prefecture: &'static str,
    /// As the table writes it.
    pub(super) written: String,
    /// In normal form.
    pub(super) name: String,
}

/// The text of the shipped table.
pub(in crate::normalize::postal) fn inflated() -> String {
    let mut out = Vec::with_capacity(TEXT_BYTES_MAX);
    let status = Decompress::new(true).decompress_vec(SHIPPED, &mut out, FlushDecompress::Finish);
    assert!(
        matches!(status, Ok(flate2::Status::StreamEnd)),
        "the shipped table inflates: it is part of the program and a test reads it"
    );
    String::from_utf8(out).expect("the shipped table is UTF-8: a test reads it")
}

/// Municipalities and rows in the order of the text.
pub(super) fn lines(text: &str) -> (Vec<Municipality>, Vec<Row>) {
    let (mut municipalities, mut rows) = (Vec::new(), Vec::new());
    let (mut at, mut code) = (0_usize, 0_i64);
    for line in text.split_inclusive('\n') {
        match line.as_bytes().first() {
            Some(b'#') | None => {}
            Some(b'@') => municipalities.extend(municipality(line)),
            Some(_) => {
                let (step, extent, length) = parts(line);
                code += step;
                rows.push(Row {
                    code: number(code),
                    municipality: number(municipalities.len().saturating_sub(1)),
                    extent,
                    start: number(at + length),
                    end: number(at + line.trim_end().len()),
                });
            }
        }
        at += line.len();
    }
    (municipalities, rows)
}

/// `@prefecture TAB county TAB municipality`.
fn municipality(line: &str) -> Option<Municipality> {
    let mut cells = line.trim_end().strip_prefix('@')?.split('\t');
    let (prefecture, _county, written) = (cells.next()?, cells.next()?, cells.next()?);
    Some(Municipality {
        prefecture: address::prefecture(prefecture).0?,
        written: written.to_owned(),
        name: address::parse(written).town,
    })
}

/// The step to the code, what the code says of the town, and the length of both.
fn parts(line: &str) -> (i64, Extent, usize) {
    let figures = |c: char| c.is_ascii_digit() || c == '-';
    let step = line.find(|c| !figures(c)).unwrap_or(line.len());
    let extent = match line.as_bytes().get(step) {
        Some(b'!') => Extent::Part,
        Some(b'+') => Extent::Building,
        _ => Extent::Whole,
    };
    let length = step + usize::from(extent != Extent::Whole);
    (line[..step].parse().unwrap_or(1), extent, length)
}

/// A number that the bounds of the shipped table keep in range; a test reads the table.
pub(super) fn number<T: TryFrom<N>, N>(value: N) -> T {
    T::try_from(value)
        .ok()
        .expect("the shipped table is smaller than its bounds: a test reads it")
}
