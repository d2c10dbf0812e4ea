//! Every bound of this crate, with its arithmetic.

/// Bytes of the random nonce that makes each envelope key unique. 32 bytes: with 2^64 envelopes the
/// chance of a repeat stays below 2^-128.
pub const ENVELOPE_NONCE_BYTES: usize = 32;
/// Bytes of an AES-GCM tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of a sealed data key: nonce, key, tag.
pub const SEALED_DATA_KEY_BYTES: usize = ENVELOPE_NONCE_BYTES + 32 + TAG_BYTES;
/// Largest plaintext of one frame. GCM would allow 64 GiB; a frame is one unit of memory and of loss.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Plaintext bytes of one chunk of a batch.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// Largest sealed chunk.
pub const SEALED_CHUNK_BYTES_MAX: usize = CHUNK_BYTES + TAG_BYTES;
/// Most chunks of a batch: 65,536 rows of 2,048 bits with reference and flags are 18.1 MB.
pub const CHUNKS_MAX: usize = 20;
/// Bits of every RSA key.
pub const RSA_BITS: usize = 3072;
/// Bytes of an RSA-OAEP blob.
pub const RSA_BYTES: usize = RSA_BITS / 8;
/// Bytes of a 32-byte key wrapped by RFC 3394: one block of eight bytes more.
pub const WRAPPED_KEY_BYTES: usize = 32 + 8;
/// Largest `SubjectPublicKeyInfo` that is read: RSA-3072 needs 422 bytes, P-256 91.
pub const SPKI_BYTES_MAX: usize = 512;
/// Largest signed note. The inventory of the custody token is the largest document: 1,016 keys of
/// [`INVENTORY_LINE_BYTES_MAX`] (764) bytes are 776,224; an enrolment has 1,000 sites of
/// [`ENROLMENT_LINE_BYTES_MAX`] (246).
pub const NOTE_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes that a signature line adds to a note's text, without the signer's name: empty line, dash
/// and blank (4), blank, base64 of key id and DER signature (4 + 72 bytes are 104 characters), line end.
pub const NOTE_SIGNATURE_BYTES_MAX: usize = 1 + 4 + 1 + 104 + 1;
/// Longest line of an inventory: `key site.<name> <id> rsa <base64>` and the line end.
pub const INVENTORY_LINE_BYTES_MAX: usize = 4
    + (5 + linker_token::limits::NAME_BYTES_MAX)
    + (1 + 2 * KEY_ID_BYTES)
    + (1 + 4 + SPKI_BYTES_MAX.div_ceil(3) * 4)
    + 1;
/// Longest line of an enrolment: `site <name> <key> <expiry> <nonce> revoked <time>` and the line end. A
/// P-256 key of 91 bytes has 124 characters, a time of 64 bits 20 digits.
pub const ENROLMENT_LINE_BYTES_MAX: usize =
    (5 + linker_token::limits::NAME_BYTES_MAX) + (1 + 124) + (1 + 20) + (1 + 32) + (9 + 20) + 1;
/// Most sites in one enrolment.
pub const SITES_MAX: usize = 1_000;
/// Largest key package: a note of about 2 KiB, encapsulated key, tag.
pub const PACKAGE_BYTES_MAX: usize = 16 * 1024;
/// Largest challenge to a site's wrapping key: a blob of 512 characters and four short lines are 700 bytes.
pub const CHALLENGE_BYTES_MAX: usize = 2 * 1024;
/// How far a site's clock may be behind custody's when a package is opened, in seconds. Only the start of
/// the validity is treated so; its end is exact.
pub const CLOCK_SKEW_S: u64 = 300;
/// Most keys in an inventory: six fixed ones and one per site.
pub const INVENTORY_KEYS_MAX: usize = SITES_MAX + 16;
/// Longest PIN, in bytes.
pub const PIN_BYTES_MAX: usize = 256;
/// Longest token label, in bytes (PKCS#11 `CK_TOKEN_INFO.label`).
pub const TOKEN_LABEL_BYTES_MAX: usize = 32;
/// Bytes of `CKA_ID`, by which keys are found.
pub const KEY_ID_BYTES: usize = 16;
/// Largest module profile, in bytes.
pub const PROFILE_BYTES_MAX: usize = 16 * 1024;
/// Most hashes in a proof: a tree of 2^63 leaves is 63 levels deep.
pub const PROOF_HASHES_MAX: usize = 64;
/// Longest entry of an audit log: bundles write its length in 16 bits, the appliance allows an eighth of that.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;
/// Longest path of a tile: `tile/entries/`, six groups of five, the last of three, `.p/` and a width of three.
pub const TILE_PATH_BYTES_MAX: usize = 13 + 6 * 5 + 3 + 6;
/// Largest proof file: an entry in base64 (four bytes for three), the hashes (44 and a line end each), a head
/// and a checkpoint with room for fifty witnesses.
pub const PROOF_FILE_BYTES_MAX: usize =
    ENTRY_BYTES_MAX.div_ceil(3) * 4 + PROOF_HASHES_MAX * 45 + 16 * 1024;
/// Longest verifier key of a witness: a name of 256 bytes, eight digits, 44 characters of base64 and room.
pub const VERIFIER_KEY_BYTES_MAX: usize = 512;
/// Most changes of a log's audit key: one a month for ten years.
pub const KEY_CHANGES_MAX: usize = 120;
/// Most custodians of a backup key: GF(256) has 255 non-zero points, a room has fewer chairs.
pub const CUSTODIANS_MAX: usize = 16;

const _: () = assert!(
    linker_token::limits::BATCH_ROWS_MAX * (32 * 8 + linker_token::limits::REFERENCE_BYTES + 4)
        + 16
        <= CHUNKS_MAX * CHUNK_BYTES,
    "the largest batch fits into its chunks"
);
const _: () = assert!(
    INVENTORY_KEYS_MAX * INVENTORY_LINE_BYTES_MAX + 4 * 1024 <= NOTE_BYTES_MAX,
    "the inventory of the most sites fits into a note, with its head and signature"
);
const _: () = assert!(
    SITES_MAX * ENROLMENT_LINE_BYTES_MAX + 4 * 1024 <= NOTE_BYTES_MAX,
    "the enrolment of the most sites, all revoked, fits into a note"
);
const _: () = assert!(CHUNK_BYTES <= FRAME_BYTES_MAX, "a chunk is one frame");
