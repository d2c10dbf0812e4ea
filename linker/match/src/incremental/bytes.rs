//! The bytes of a base: one form, read back strictly. Whoever keeps them seals them.

use linker_token::{
    RecordRef, Schema, SchemaDigest, TokenError,
    canonical::{Reader, Writer},
};

use super::{Base, Retained, Trained};
use crate::{dataset::RecordKey, error::MatchError, limits, model::Model, recall::BlockingRecall};

/// Structure and version.
const MAGIC: [u8; 8] = *b"MSBBASE2";

impl Base {
    /// The base as bytes. `schema` is the one it was made with.
    ///
    /// # Panics
    /// Never: everything in it is bounded.
    #[must_use]
    pub fn to_bytes(&self, schema: &Schema) -> Vec<u8> {
        let mut to = Writer::new(MAGIC);
        to.fixed(&self.schema.0);
        let model = self.trained.model.to_bytes(schema, &self.settings);
        count(&mut to, model.len());
        to.fixed(&model);
        write_trained(&mut to, &self.trained);
        to.fixed(&[u8::from(self.everything)]);
        count(&mut to, self.keys.len());
        for key in &self.keys {
            to.fixed(&key.site.to_le_bytes());
            to.fixed(&key.reference.0);
        }
        count(&mut to, self.rows.len());
        for &(record, content) in &self.rows {
            to.u32(record);
            to.u64(content);
        }
        to.fixed(&self.classes);
        self.pieces.iter().for_each(|p| write_pieces(&mut to, p));
        count(&mut to, self.keyed.len());
        for (key, pieces) in &self.keyed {
            to.u64(*key);
            write_pieces(&mut to, pieces);
        }
        to.u64(self.pairs.len() as u64);
        for pair in &self.pairs {
            to.u32(pair.a);
            to.u32(pair.b);
            to.u32(pair.pattern);
        }
        to.finish()
    }

    /// Reads a base of this schema.
    ///
    /// # Errors
    /// [`MatchError::Base`] if the bytes are not what [`Self::to_bytes`] writes.
    pub fn from_bytes(schema: &Schema, bytes: &[u8]) -> Result<Self, MatchError> {
        read(schema, bytes).map_err(|_rule| MatchError::Base {
            rule: "its bytes are damaged, of another version or of another schema",
        })
    }
}

fn count(to: &mut Writer, count: usize) {
    to.u32(u32::try_from(count).expect("rows are bounded"));
}

fn write_pieces(to: &mut Writer, pieces: &[(u32, u32)]) {
    count(to, pieces.len());
    for &(row, piece) in pieces {
        to.u32(row);
        to.u32(piece);
    }
}

fn read_pieces(from: &mut Reader<'_>) -> Result<Vec<(u32, u32)>, TokenError> {
    let count = from.u32()?;
    list(from, count.into(), |bytes: [u8; 8]| {
        (number(&bytes[..4]), number(&bytes[4..]))
    })
}

fn write_trained(to: &mut Writer, trained: &Trained) {
    count(to, trained.counts.len());
    trained.counts.iter().for_each(|&count| to.u64(count));
    let BlockingRecall { share, low, high } = trained.blocking;
    for value in [share, low, high] {
        to.u64(value.to_bits());
    }
}

/// Things of `N` bytes each. Bytes that are not there are refused before memory is taken.
fn list<const N: usize, T>(
    from: &mut Reader<'_>,
    count: u64,
    read: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, TokenError> {
    let size = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(N));
    let size = size.ok_or_else(|| from.refuse("it ends early"))?;
    let (things, _) = from.take(size)?.as_chunks::<N>();
    Ok(things.iter().map(|thing| read(*thing)).collect())
}

fn float(from: &mut Reader<'_>) -> Result<f64, TokenError> {
    let value = f64::from_bits(from.u64()?);
    sound(from, value.is_finite())?;
    Ok(value)
}

fn sound(from: &Reader<'_>, sound: bool) -> Result<(), TokenError> {
    if sound {
        Ok(())
    } else {
        Err(from.refuse("its parts do not fit together"))
    }
}

fn read(schema: &Schema, bytes: &[u8]) -> Result<Base, TokenError> {
    let mut reader = Reader::new("a base", MAGIC, bytes)?;
    let from = &mut reader;
    let digest = SchemaDigest(from.fixed()?);
    sound(from, digest == schema.digest())?;
    let length = from.u32()?;
    let model = from.take(length as usize)?;
    let (model, settings) = Model::from_bytes(schema, model)?;
    let patterns = schema.segments().iter().map(|segment| segment.levels() + 1);
    let patterns = patterns.product::<usize>();
    let counts = from.u32()?;
    sound(from, counts as usize == patterns)?;
    let counts = list(from, counts.into(), u64::from_le_bytes)?;
    let blocking = BlockingRecall {
        share: float(from)?,
        low: float(from)?,
        high: float(from)?,
    };
    let everything = match from.fixed::<1>()? {
        [0] => false,
        [1] => true,
        _ => return Err(from.refuse("neither yes nor no")),
    };
    let records = from.u32()?;
    let keys = list(from, records.into(), |bytes: [u8; 18]| {
        let (site, reference) = bytes.split_at(2);
        RecordKey {
            site: u16::from_le_bytes([site[0], site[1]]),
            reference: RecordRef(std::array::from_fn(|at| reference[at])),
        }
    })?;
    let count = from.u32()?;
    let rows = list(from, count.into(), |bytes: [u8; 12]| {
        let (record, content) = bytes.split_at(4);
        (
            number(record),
            u64::from_le_bytes(std::array::from_fn(|at| content[at])),
        )
    })?;
    let segments = schema.segments().len();
    let classes = list(from, u64::from(count) * segments as u64, |[class]| class)?;
    let pieces = (0..segments).map(|_| read_pieces(from));
    let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
    let tables = from.u32()? as usize;
    sound(from, tables <= limits::LSH_TABLES_MAX)?;
    let keyed = (0..tables).map(|_| Ok((from.u64()?, read_pieces(from)?)));
    let keyed = keyed.collect::<Result<Vec<_>, TokenError>>()?;
    let pairs = from.u64()?;
    let pairs = list(from, pairs, |bytes: [u8; 12]| Retained {
        a: number(&bytes[..4]),
        b: number(&bytes[4..8]),
        pattern: number(&bytes[8..]),
    })?;
    let base = Base {
        schema: digest,
        trained: Trained {
            model,
            counts,
            blocking,
        },
        settings,
        everything,
        keys,
        rows,
        classes,
        pieces,
        keyed,
        pairs,
    };
    sound(from, base.is_sound(patterns))?;
    reader.finish()?;
    Ok(base)
}

/// Four bytes, little-endian.
fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|at| bytes[at]))
}

impl Base {
    /// Whether everything is in order and names only what is there.
    fn is_sound(&self, patterns: usize) -> bool {
        let rows = self.rows.len();
        let keyed = self.keyed.iter().map(|(_, pieces)| pieces);
        let records = self.rows.chunk_by(|a, b| a.0 == b.0);
        let mut named = (0_u32..).zip(records).map(|(at, rows)| rows[0].0 == at);
        self.keys.is_sorted_by(|a, b| a < b)
            && named.by_ref().all(|named| named)
            && self.rows.last().map_or(0, |row| row.0 as usize + 1) == self.keys.len()
            && self.pieces.iter().chain(keyed).all(|pieces| {
                pieces.is_sorted_by(|a, b| a.0 < b.0)
                    && pieces.iter().all(|piece| (piece.0 as usize) < rows)
            })
            && self.pairs.is_sorted_by(|a, b| (a.a, a.b) < (b.a, b.b))
            && self.pairs.iter().all(|pair| {
                pair.a < pair.b && (pair.b as usize) < rows && (pair.pattern as usize) < patterns
            })
    }
}
