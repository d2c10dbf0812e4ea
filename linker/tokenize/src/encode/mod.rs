//! Identifiers to tokens, as `linker/token/SPEC.md` says.

mod cache;
mod filter;
mod grams;
mod keys;

use std::fmt;

use linker_token::{Epoch, Flags, ProjectId, RecordRef, Schema, Token, limits::REFERENCE_BYTES};

use self::{filter::SegmentEncoder, keys::Prf};
use crate::record::{Identifiers, SourceRecord};

/// Makes tokens of one project and epoch. Holds the sub-keys and a cache of known grams, both wiped
/// when it is dropped.
pub struct Encoder {
    row_words: usize,
    segments: Vec<SegmentEncoder>,
    reference_key: Prf,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder(..)")
    }
}

impl Encoder {
    /// Derives the sub-keys of every segment.
    ///
    /// `secret` is the project's linkage encoding key of this epoch; `reference_key` is the site's
    /// own and never leaves it.
    #[must_use]
    pub fn new(
        schema: &Schema,
        secret: &[u8; 32],
        reference_key: &[u8; 32],
        project: &ProjectId,
        epoch: Epoch,
    ) -> Self {
        let secret = Prf::new(secret);
        let segments = schema.segments().iter().enumerate();
        let segments = segments.map(|(index, segment)| {
            let context = keys::segment_context(project, epoch, &schema.digest(), index);
            SegmentEncoder::new(
                segment,
                secret.derive(keys::FILTER, &context),
                &secret.derive(keys::DIFFUSION, &context),
            )
        });
        Self {
            row_words: schema.row_words(),
            segments: segments.collect(),
            reference_key: Prf::new(reference_key),
        }
    }

    /// The site's opaque name of a record: the first 16 bytes of an HMAC over its local number.
    ///
    /// # Panics
    /// Never: an HMAC-SHA-256 has 32 bytes.
    #[must_use]
    pub fn reference(&self, local_id: &str) -> RecordRef {
        let whole = self
            .reference_key
            .derive_bytes(keys::REFERENCE, local_id.as_bytes());
        let (head, _) = whole
            .split_first_chunk::<REFERENCE_BYTES>()
            .expect("an HMAC-SHA-256 has 32 bytes");
        RecordRef(*head)
    }

    /// One token, two when the record has a former name, none when nothing usable is present.
    pub fn encode(&mut self, record: &SourceRecord) -> Vec<Token> {
        let reference = self.reference(record.local_id());
        let mut tokens = Vec::with_capacity(1);
        tokens.extend(self.encode_one(record.identifiers(), reference, record.flags()));
        if let Some(former) = record.former() {
            let token = self.encode_one(former, reference, record.flags());
            tokens.extend(token.filter(|token| tokens.first().is_none_or(|t| t.row != token.row)));
        }
        tokens
    }

    /// One row for one set of identifiers. `None` if every segment is missing.
    pub fn encode_one(
        &mut self,
        identifiers: &Identifiers,
        reference: RecordRef,
        flags: Flags,
    ) -> Option<Token> {
        let mut row = vec![0_u64; self.row_words];
        let mut flags = flags;
        let mut present = false;
        for (index, segment) in self.segments.iter_mut().enumerate() {
            if segment.encode(identifiers, &mut row) {
                present = true;
            } else {
                flags = flags.with_missing(index);
            }
        }
        present.then_some(Token {
            reference,
            flags,
            row,
        })
    }
}
