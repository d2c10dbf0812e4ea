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
/// Bytes of a table that are read at a time. In memory are one block, its text, which in UTF-16 has half as
/// many bytes again, and the row before it whose end it holds: below 2 MiB, whatever the file has.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// Characters beyond ASCII that decide which encoding a file is in. Each hardly ever fits two encodings, and
/// the share of damaged ones that is allowed, one in eleven, is known of a million to 0.1%.
pub const ENCODING_CHARACTERS_MAX: u64 = 1_000_000;
/// Largest mapping file, in bytes.
pub const MAPPING_BYTES_MAX: usize = 64 * 1024;
/// Rows of a table that a proposal of its mapping looks at. Two hundred already tell kinds of columns
/// apart; a thousand also show numbers that come twice. 512 columns keep 8 bytes each: 4 MB.
pub const PROPOSE_ROWS_MAX: usize = 1000;
/// Longest header of a column in a proposal, in characters. The longest of real tables have about 40;
/// free text is longer.
pub const PROPOSE_HEADER_CHARS_MAX: usize = 100;
/// Most elements of an XML document inside each other. Check-up documents have about 15.
pub const XML_DEPTH_MAX: usize = 64;
/// Longest tag of an XML document, in bytes. Roots with a dozen namespaces have 2 KiB.
pub const XML_TAG_BYTES_MAX: usize = 64 * 1024;
/// Most entries of a check-up archive. A large insurer's delivery has some ten thousand.
pub const ARCHIVE_ENTRIES_MAX: usize = 200_000;
/// Room for one entry of an archive's directory, in bytes: a name and two notes of at most 64 KiB each.
pub const ARCHIVE_ENTRY_BYTES_MAX: usize = 256 * 1024;
/// Largest check-up document after inflation, in bytes. Real ones have 20 to 200 KiB; it is held in
/// memory once, and once more as text.
pub const CHECKUP_BYTES_MAX: usize = 4 << 20;
/// Largest ratio of all inflated documents to their archive. XML is deflated 10 to 40 times, a bomb a
/// thousand times. An archive smaller than one document may inflate to [`CHECKUP_BYTES_MAX`] anyway.
pub const INFLATION_MAX: usize = 200;
/// Largest response of eligibility checks, in bytes: at 2 KB a person more than twenty thousand. It is held in
/// memory once, and once more as text, which has three bytes for each of half-width kana: 192 MiB at most.
pub const ELIGIBILITY_BYTES_MAX: usize = 48 << 20;
/// Longest line of a FHIR file in ndjson, in bytes. Patients have 1 to 10 KiB, with a picture some MiB.
pub const FHIR_LINE_BYTES_MAX: usize = 16 << 20;
/// Largest FHIR file that is one value, in bytes: a Bundle of a hundred thousand patients of 2 KB each. It is
/// held in memory whole.
pub const FHIR_VALUE_BYTES_MAX: usize = 192 << 20;
/// Most items of one list in a FHIR resource, such as names or identifiers. Real ones have 1 to 5.
pub const FHIR_ITEMS_MAX: usize = 64;
/// Most versions of patients in the histories of one FHIR file; servers send them in pages of hundreds. Each
/// may cost a hash of its number, some 32 bytes with its place in a tree: 3 MB at most, beside the file.
pub const FHIR_HISTORY_MAX: usize = 100_000;
/// Most insurances and organisations that are kept to be joined to patients: each takes about 180
/// bytes, 360 MiB together.
pub const COVERAGES_MAX: usize = 2 << 20;
/// Widest declared column: padding never makes a value longer than this.
pub const WIDTH_MAX: usize = 64;
/// Records that may have the same telephone number before it counts as nobody's. Households have up to ten;
/// the institution's own number stands on hundreds.
pub const PHONE_REPEATS_MAX: u16 = 100;
/// When a column is refused for its numbers: from how many of twelve or of eleven digits on, when more than what
/// share of them, in hundredths, passes the check digit, and how many different check digits those must have. Any
/// step refuses. Of other numbers one in ten passes by chance, two in eleven of those that end with zero: seven
/// of eight in one of 10⁶ columns, ten of sixteen in four of 10⁷, and later steps are rarer. The later steps
/// catch columns that hold other numbers too, and leave those alone that repeat codes of a few institutions.
pub const REFUSE_STEPS: [(u64, u64, u32); 4] = [(8, 80, 1), (16, 60, 1), (64, 40, 5), (256, 30, 5)];
/// Grams whose positions are kept per segment: 65,536 of them, twice as many lines, 64 bytes each, are
/// 8 MiB, and the bigrams of kana, 80 × 80, fit ten times. A full cache is emptied and fills again.
pub const GRAM_CACHE_MAX: usize = 65_536;
/// Grams, and short values that many people share, whose bits are kept per segment: 64 bytes each, 4 MiB,
/// of which only what is used is touched. With a quarter of them, a town of 200,000 took a twentieth longer.
pub const BITS_LINES: usize = 65_536;
/// Longer values whose bits are kept per segment: 128 bytes each, 256 KiB. A city has some hundred towns.
pub const LONG_BITS_LINES: usize = 2048;
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
    BLOCK_BYTES + (ROW_BYTES_MAX + BLOCK_BYTES * 3 / 2) * 5 / 4 < 2 << 20,
    "a table's block, its text and a row, with the room that growing leaves, take less than 2 MiB"
);
const _: () = assert!(
    DICOM_HEADER_BYTES_MAX > 4 * VALUE_BYTES_MAX,
    "the values of a patient module fit"
);
