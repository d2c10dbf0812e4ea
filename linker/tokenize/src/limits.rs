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
/// Most messages of one HL7 file. Each costs its fate, 40 bytes, and one or two mentions of a patient,
/// 64 bytes with a short number: 170 MB at most, beside the file.
pub const HL7_MESSAGES_MAX: usize = 1_000_000;
/// Bytes of a DICOM object that are looked at. The patient module comes after the group of the study,
/// whose references to other objects have some kilobytes; pixels come long after.
pub const DICOM_HEADER_BYTES_MAX: usize = 1 << 20;
/// Deepest sequence of a DICOM object that is passed over. Real ones have four levels.
pub const DICOM_DEPTH_MAX: usize = 16;
/// Most columns of a CSV file or fields of a claims record.
pub const COLUMNS_MAX: usize = 512;
/// Longest row of a CSV or claims file, in bytes.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// Largest mapping file, in bytes.
pub const MAPPING_BYTES_MAX: usize = 64 * 1024;
/// Most elements of an XML document inside each other. Check-up documents have about 15.
pub const XML_DEPTH_MAX: usize = 64;
/// Longest tag of an XML document, in bytes. Roots with a dozen namespaces have 2 KiB.
pub const XML_TAG_BYTES_MAX: usize = 64 * 1024;
/// Most entries of a check-up archive. A large insurer's delivery has some ten thousand.
pub const ARCHIVE_ENTRIES_MAX: usize = 200_000;
/// Largest check-up document after inflation, in bytes. Real ones have 20 to 200 KiB; it is held in
/// memory once, and once more as text.
pub const CHECKUP_BYTES_MAX: usize = 4 << 20;
/// Largest ratio of all inflated documents to their archive. XML is deflated 10 to 40 times, a bomb a
/// thousand times. An archive smaller than one document may inflate to [`CHECKUP_BYTES_MAX`] anyway.
pub const INFLATION_MAX: usize = 200;
/// Most items of one list in a FHIR resource, such as names or identifiers. Real ones have 1 to 5.
pub const FHIR_ITEMS_MAX: usize = 64;
/// Most insurances and organisations that are kept to be joined to patients: each takes about 180
/// bytes, 360 MiB together.
pub const COVERAGES_MAX: usize = 2 << 20;
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
const _: () = assert!(
    DICOM_HEADER_BYTES_MAX > 4 * VALUE_BYTES_MAX,
    "the values of a patient module fit"
);
