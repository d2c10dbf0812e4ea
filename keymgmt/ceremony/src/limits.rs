//! Every bound of ceremonies, with its arithmetic.

/// Largest recipe or environment file: 1,000 sites of 80 bytes and comments.
pub(crate) const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Longest title of a ceremony, in bytes: one line of the booklet.
pub(crate) const TITLE_BYTES_MAX: usize = 100;
/// Longest validity of a package, in days: two years and a margin for the next ceremony.
pub(crate) const VALID_DAYS_MAX: u32 = 800;
/// Largest signed document that is read (see `keymgmt_custody::limits::NOTE_BYTES_MAX`).
pub(crate) const NOTE_BYTES_MAX: u64 = keymgmt_custody::limits::NOTE_BYTES_MAX as u64;
/// Largest transcript: a ceremony of 1,000 sites writes about 3,000 lines of 600 bytes.
pub(crate) const TRANSCRIPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest line of a transcript, in bytes.
pub(crate) const TRANSCRIPT_LINE_BYTES_MAX: usize = 16 * 1024;
/// Largest journal: 1,000 sites and 1,016 keys of at most 1 KiB each, and what the head needs.
pub(crate) const JOURNAL_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Longest serial of a bag: printed ones have about a dozen signs.
pub(crate) const BAG_BYTES_MAX: usize = 64;
/// How often one line may be typed wrongly before the ceremony stops.
pub(crate) const TRIES_MAX: u32 = 5;
/// How many groups of four digits of a hash a custodian types: 64 bits, more than anyone can make match.
pub(crate) const HASH_GROUPS_TYPED: usize = 4;

const _: () = assert!(
    JOURNAL_BYTES_MAX
        >= 1024
            * (keymgmt_custody::limits::SITES_MAX + keymgmt_custody::limits::INVENTORY_KEYS_MAX)
                as u64
            + 64 * 1024,
    "the journal of the most sites and keys fits"
);
/// Most that is read of a value typed by hand: 24 words of 8 letters and their spaces are 216 characters, of
/// three bytes each where an input method made them full-width, and three times as many spaces.
pub(crate) const TYPED_BYTES_MAX: usize = 2048;
const _: () = assert!(TYPED_BYTES_MAX >= 3 * (24 * 8 + 3 * 24));
