//! Many tokens, column by column: the plaintext that a site seals.

use sha2::{Digest, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    canonical::{Reader, Writer},
    error::TokenError,
    limits,
    names::RecordRef,
    schema::Schema,
    token::{Flags, Token},
};

const MAGIC: [u8; 8] = *b"MSBBAT01";
/// Rows that the first push makes room for.
const ROOM_ROWS_MIN: usize = 64;

/// Tokens of one site in columns. All rows have the schema's width. Rows and references are wiped when
/// the batch is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    row_words: usize,
    rows: Vec<u64>,
    references: Vec<RecordRef>,
    flags: Vec<Flags>,
}

impl TokenBatch {
    /// An empty batch for rows of `schema`.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        Self {
            row_words: schema.row_words(),
            rows: Vec::new(),
            references: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// Adds one token.
    ///
    /// # Errors
    /// [`TokenError::TooLarge`] at the batch limit, [`TokenError::Malformed`] for a row of another width.
    pub fn push(&mut self, token: &Token) -> Result<(), TokenError> {
        if self.len() >= limits::BATCH_ROWS_MAX {
            return Err(TokenError::TooLarge {
                what: "a batch",
                limit: limits::BATCH_ROWS_MAX,
            });
        }
        if token.row.len() != self.row_words {
            return Err(TokenError::Malformed {
                what: "a row",
                rule: "its width is not the schema's",
            });
        }
        self.make_room();
        self.rows.extend_from_slice(&token.row);
        self.references.push(token.reference);
        self.flags.push(token.flags);
        Ok(())
    }

    /// Wipes all rows and keeps their memory for the next ones.
    pub fn clear(&mut self) {
        self.wipe();
        self.rows.clear();
        self.references.clear();
        self.flags.clear();
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.references.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.references.is_empty()
    }

    /// Words per row.
    #[must_use]
    pub fn row_words(&self) -> usize {
        self.row_words
    }

    /// All rows, one after another.
    #[must_use]
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// All rows, to be changed in place (second layer).
    pub fn rows_mut(&mut self) -> &mut [u64] {
        &mut self.rows
    }

    /// Row `index`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[u64] {
        &self.rows[index * self.row_words..(index + 1) * self.row_words]
    }

    /// Record references, one per row.
    #[must_use]
    pub fn references(&self) -> &[RecordRef] {
        &self.references
    }

    /// Flags, one per row.
    #[must_use]
    pub fn flags(&self) -> &[Flags] {
        &self.flags
    }

    /// The rows for which `keep` holds, in order.
    #[must_use]
    pub fn retain(&self, mut keep: impl FnMut(usize) -> bool) -> Self {
        let mut kept = self.with_room(self.len());
        for index in (0..self.len()).filter(|&index| keep(index)) {
            kept.rows.extend_from_slice(self.row(index));
            kept.references.push(self.references[index]);
            kept.flags.push(self.flags[index]);
        }
        kept
    }

    /// Canonical bytes: magic, width, count, then rows, references and flags as columns.
    ///
    /// # Panics
    /// Never: width and count are bounded far below four billion.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let each = 8 * self.row_words + limits::REFERENCE_BYTES + 4;
        let mut out = Writer::with_room(MAGIC, 8 + self.len() * each);
        out.u32(u32::try_from(self.row_words).expect("widths are at most 32 words"));
        out.u32(u32::try_from(self.len()).expect("batches are bounded"));
        self.rows.iter().for_each(|&word| out.u64(word));
        self.references
            .iter()
            .for_each(|reference| out.fixed(&reference.0));
        self.flags.iter().for_each(|flags| out.u32(flags.bits()));
        out.finish()
    }

    /// Reads canonical bytes of a batch under `schema`.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] or [`TokenError::TooLarge`]; nothing of a bad batch is returned.
    pub fn from_bytes(schema: &Schema, bytes: &[u8]) -> Result<Self, TokenError> {
        let mut input = Reader::new("a batch", MAGIC, bytes)?;
        let row_words = input.u32()? as usize;
        if row_words != schema.row_words() {
            return Err(input.refuse("its row width is not the schema's"));
        }
        let count = input.u32()? as usize;
        if count > limits::BATCH_ROWS_MAX {
            return Err(TokenError::TooLarge {
                what: "a batch",
                limit: limits::BATCH_ROWS_MAX,
            });
        }
        let rows = input.take(count * row_words * 8)?;
        let rows = rows
            .as_chunks::<8>()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .collect();
        let mut batch = Self {
            row_words,
            rows,
            references: Vec::new(),
            flags: Vec::with_capacity(count),
        };
        let references = input.take(count * limits::REFERENCE_BYTES)?;
        batch.references = references
            .as_chunks()
            .0
            .iter()
            .map(|bytes| RecordRef(*bytes))
            .collect();
        for _ in 0..count {
            let bits = input.u32()?;
            let flags = Flags::from_bits(bits).ok_or_else(|| input.refuse("a flag is unknown"))?;
            batch.flags.push(flags);
        }
        input.finish()?;
        Ok(batch)
    }

    /// SHA-256 of the canonical bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(Zeroizing::new(self.to_bytes())).into()
    }

    /// Makes room for one more row. A column that grows by itself would leave an unwiped copy behind.
    fn make_room(&mut self) {
        let full = self.rows.len() + self.row_words > self.rows.capacity()
            || self.references.len() == self.references.capacity();
        if full {
            let mut larger = self.with_room((2 * self.len()).max(ROOM_ROWS_MIN));
            larger.rows.extend_from_slice(&self.rows);
            larger.references.extend_from_slice(&self.references);
            larger.flags.extend_from_slice(&self.flags);
            *self = larger;
        }
    }

    /// An empty batch of the same width with room for `rows`.
    fn with_room(&self, rows: usize) -> Self {
        Self {
            row_words: self.row_words,
            rows: Vec::with_capacity(rows * self.row_words),
            references: Vec::with_capacity(rows),
            flags: Vec::with_capacity(rows),
        }
    }

    fn wipe(&mut self) {
        self.rows.as_mut_slice().zeroize();
        for reference in &mut self.references {
            reference.0.zeroize();
        }
    }
}

impl Drop for TokenBatch {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_references_are_wiped() {
        let schema = Schema::jp_1();
        let token = Token {
            reference: RecordRef([7; limits::REFERENCE_BYTES]),
            flags: Flags::default(),
            row: vec![u64::MAX; schema.row_words()],
        };
        let mut batch = TokenBatch::new(&schema);
        for _ in 0..=2 * ROOM_ROWS_MIN {
            batch.push(&token).expect("fits");
        }
        assert_eq!(batch.len(), 2 * ROOM_ROWS_MIN + 1);
        let copy = TokenBatch::from_bytes(&schema, &batch.to_bytes()).expect("reads");
        assert_eq!(copy, batch);
        assert_eq!(batch.retain(|_| true), copy);
        batch.wipe();
        assert!(batch.rows.iter().all(|&word| word == 0));
        assert_eq!(batch.references[0].0, [0; limits::REFERENCE_BYTES]);
        assert_eq!(copy.row(0), token.row, "a copy is its own");
        batch.clear();
        assert_eq!(batch, TokenBatch::new(&schema));
        let bytes = copy.to_bytes();
        assert_eq!(bytes.len(), bytes.capacity(), "the bytes never grew");
    }
}
