//! Every bound of reading, normalising and encoding, with its arithmetic.

/// Longest value of one field, in bytes, before normalisation. A name of 40 bytes and an address of
/// 200 are usual; NFKC makes at most 18 characters of one, so a value stays below 80 KiB.
pub const VALUE_BYTES_MAX: usize = 4096;
/// Longest normalised value that is cut into grams, in characters: at most 2·128 + 1 grams.
pub const GRAM_CHARS_MAX: usize = 128;
/// Longest record identifier of an institution, in bytes.
pub const LOCAL_ID_BYTES_MAX: usize = 128;
/// Largest ADT-00 file, in bytes. Real ones have 1 to 10 KiB; insurance repetitions make them grow.
pub const ADT_BYTES_MAX: usize = 1 << 20;
/// Most segments read from one HL7 message.
pub const HL7_SEGMENTS_MAX: usize = 1000;
/// Most columns of a CSV file or fields of a claims record.
pub const COLUMNS_MAX: usize = 512;
/// Longest row of a CSV or claims file, in bytes.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// Largest mapping file, in bytes.
pub const MAPPING_BYTES_MAX: usize = 64 * 1024;
/// Widest declared column: padding never makes a value longer than this.
pub const WIDTH_MAX: usize = 64;
/// Twelve- or eleven-digit values from which on a column is judged.
pub const REFUSE_VALUES_MIN: u64 = 8;
/// A column is refused when more than this share of its numbers passes the check digit, in
/// hundredths. Random numbers pass one time in ten: of eight, five or more pass by chance in
/// four of ten thousand columns.
pub const REFUSE_PASS_PERCENT: u64 = 60;
/// Grams whose positions are kept per segment: 65,536 of them, twice as many lines, 64 bytes each, are
/// 8 MiB, and the bigrams of kana, 80 × 80, fit ten times. A full cache is emptied and fills again.
pub const GRAM_CACHE_MAX: usize = 65_536;
/// Positions kept per segment of grams that have too many for a line: 2 bytes each, 2 MiB.
pub const LONG_POSITIONS_MAX: usize = 1 << 20;
/// Least share of a segment's fields that must be present, in thousandths. Below it the segment is
/// marked missing: a sex or a branch number alone would make thousands of strangers equal.
pub const PRESENT_PERMILLE_MIN: u32 = 400;
/// Least share of a segment's budget that is drawn when fields are missing, in thousandths.
pub const DRAWN_PERMILLE_MIN: u32 = 700;

const _: () = assert!(PRESENT_PERMILLE_MIN <= DRAWN_PERMILLE_MIN && DRAWN_PERMILLE_MIN <= 1000);
const _: () = assert!(
    GRAM_CACHE_MAX > 2 * GRAM_CHARS_MAX + 1,
    "one value fits into the cache"
);
