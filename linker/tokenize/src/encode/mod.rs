//! Identifiers to tokens, as `linker/token/SPEC.md` says.

mod bits;
mod cache;
mod diffusion;
mod filter;
mod grams;
mod keys;
mod large;

use std::fmt;

use linker_token::{Epoch, Flags, ProjectId, RecordRef, Schema, Token, limits::REFERENCE_BYTES};
use zeroize::Zeroize as _;

use self::{filter::SegmentEncoder, keys::Prf};
use crate::record::{Identifiers, SourceRecord};

/// Makes tokens of one project and epoch. Holds the sub-keys and a cache of known grams, both wiped
/// when it is dropped.
pub struct Encoder {
    segments: Vec<SegmentEncoder>,
    reference_key: Prf,
    /// The tokens of the present record, under its present and its former name.
    scratch: [Token; 2],
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
        let empty = || Token {
            reference: RecordRef([0; REFERENCE_BYTES]),
            flags: Flags::default(),
            row: vec![0; schema.row_words()],
        };
        Self {
            segments: segments.collect(),
            reference_key: Prf::new(reference_key),
            scratch: [empty(), empty()],
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
        let mut tokens = Vec::with_capacity(1);
        self.encode_each(record, |token| tokens.push(token.clone()));
        tokens
    }

    /// The same without memory of its own for every token: each is handed to `take` in turn.
    pub fn encode_each(&mut self, record: &SourceRecord, take: impl FnMut(&Token)) {
        let reference = self.reference(record.local_id());
        let (present, former) = (record.identifiers(), record.former());
        self.encode_both(present, former, reference, record.flags(), take);
    }

    /// The same for identifiers under the present and the former name.
    pub fn encode_both(
        &mut self,
        present: &Identifiers,
        former: Option<&Identifiers>,
        reference: RecordRef,
        flags: Flags,
        mut take: impl FnMut(&Token),
    ) {
        let first = self.fill(0, present, reference, flags);
        if first {
            take(&self.scratch[0]);
        }
        if let Some(former) = former
            && self.fill(1, former, reference, flags)
            && !(first && self.scratch[0].row == self.scratch[1].row)
        {
            take(&self.scratch[1]);
        }
    }

    /// One row for one set of identifiers. `None` if every segment is missing.
    pub fn encode_one(
        &mut self,
        identifiers: &Identifiers,
        reference: RecordRef,
        flags: Flags,
    ) -> Option<Token> {
        let present = self.fill(0, identifiers, reference, flags);
        present.then(|| self.scratch[0].clone())
    }

    /// Writes a token into scratch space `at`. `false`: every segment is missing.
    fn fill(
        &mut self,
        at: usize,
        identifiers: &Identifiers,
        reference: RecordRef,
        flags: Flags,
    ) -> bool {
        let token = &mut self.scratch[at];
        token.row.fill(0);
        (token.reference, token.flags) = (reference, flags);
        let mut present = false;
        for (index, segment) in self.segments.iter_mut().enumerate() {
            if segment.encode(identifiers, &mut token.row) {
                present = true;
            } else {
                token.flags = token.flags.with_missing(index);
            }
        }
        present
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        for token in &mut self.scratch {
            token.row.zeroize();
            token.reference.0.zeroize();
        }
    }
}
