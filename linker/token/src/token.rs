//! One record as it leaves a site.

use crate::{limits, names::RecordRef};

/// What a site says about one row besides its bits. Four bytes on the wire.
///
/// The low byte marks missing segments: bit `i` set means that segment `i` of the schema had no
/// usable value, its words are zero, and it carries no weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(u32);

impl Flags {
    /// The evidence is weak (no strong identifier, name from one source only).
    pub const WEAK_EVIDENCE: Self = Self(1 << 8);
    /// The birth date has unknown parts or is a known placeholder.
    pub const PARTIAL_BIRTH: Self = Self(1 << 9);
    /// The name has a character that the source could not write.
    pub const WILDCARD_NAME: Self = Self(1 << 10);
    /// A twin, or a newborn without a name of its own.
    pub const TWIN_OR_NEWBORN: Self = Self(1 << 11);
    /// The person has died.
    pub const DECEASED: Self = Self(1 << 12);
    /// A test record or placeholder of the institution. Admitted, never linked.
    pub const TEST_RECORD: Self = Self(1 << 13);

    const KNOWN: u32 = 0x3fff;

    /// Reads the wire form; unknown bits are refused.
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits & !Self::KNOWN == 0).then_some(Self(bits))
    }

    /// The wire form.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// These flags and those.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags with segment `index` marked missing.
    ///
    /// # Panics
    /// If `index` is not below [`limits::SEGMENTS_MAX`].
    #[must_use]
    pub fn with_missing(self, index: usize) -> Self {
        assert!(
            index < limits::SEGMENTS_MAX,
            "a schema has at most eight segments"
        );
        Self(self.0 | 1 << index)
    }

    /// Whether segment `index` is missing.
    #[must_use]
    pub fn is_missing(self, index: usize) -> bool {
        index < limits::SEGMENTS_MAX && self.0 >> index & 1 == 1
    }

    /// One bit per missing segment.
    #[must_use]
    pub fn missing_mask(self) -> u8 {
        self.0.to_le_bytes()[0]
    }
}

/// One encoded record: reference, flags and the row's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The site's opaque name for the record.
    pub reference: RecordRef,
    /// Flags and missing segments.
    pub flags: Flags,
    /// The row, as many words as the schema says.
    pub row: Vec<u64>,
}
