//! What a site signs about a batch.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest, Sha256};

use crate::{
    canonical::{Reader, Writer},
    error::TokenError,
    limits::{MANIFEST_BYTES_MAX, MANIFEST_COUNTS_MAX, MANIFEST_TEXT_BYTES_MAX, NAME_BYTES_MAX},
    names::{CheckValue, Epoch, ProjectId, SchemaDigest, SiteId},
};

const MAGIC: [u8; 8] = *b"MSBMAN01";

/// Names a batch by its content: SHA-256 of the canonical manifest, which holds the batch's digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub [u8; 32]);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Site, keys, versions and counts of one batch. The site signs its canonical bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Who sends.
    pub site: SiteId,
    /// For which project.
    pub project: ProjectId,
    /// Under which key epoch the rows were encoded.
    pub epoch: Epoch,
    /// Which encoding secret was used.
    pub secret_check: CheckValue,
    /// Which schema.
    pub schema: SchemaDigest,
    /// Version of the normaliser.
    pub normaliser: String,
    /// Version of the master tables (kanji fold, postal codes).
    pub tables: String,
    /// Number of this batch in the submission, from zero.
    pub sequence: u32,
    /// Whether this is the submission's last batch.
    pub last: bool,
    /// Rows in the batch.
    pub rows: u32,
    /// SHA-256 of the batch's canonical bytes.
    pub digest: [u8; 32],
    /// Rows per quality flag; counts only.
    pub counts: BTreeMap<String, u32>,
}

impl Manifest {
    /// Canonical bytes, as signed.
    ///
    /// # Panics
    /// Never: the number of counters is bounded when a manifest is read or built by this crate's users.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(MAGIC);
        out.text(self.site.as_str());
        out.text(self.project.as_str());
        out.u32(self.epoch.0);
        out.fixed(&self.secret_check.0);
        out.fixed(&self.schema.0);
        out.text(&self.normaliser);
        out.text(&self.tables);
        out.u32(self.sequence);
        out.u32(u32::from(self.last));
        out.u32(self.rows);
        out.fixed(&self.digest);
        out.u32(u32::try_from(self.counts.len()).expect("counters are bounded"));
        for (name, count) in &self.counts {
            out.text(name);
            out.u32(*count);
        }
        out.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`TokenError`] if the bytes are not what [`Self::to_bytes`] writes, to the last bit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(TokenError::TooLarge {
                what: "a manifest",
                limit: MANIFEST_BYTES_MAX,
            });
        }
        let mut input = Reader::new("a manifest", MAGIC, bytes)?;
        let site = SiteId::parse(input.text(NAME_BYTES_MAX)?)?;
        let project = ProjectId::parse(input.text(NAME_BYTES_MAX)?)?;
        let epoch = Epoch(input.u32()?);
        let secret_check = CheckValue(input.fixed()?);
        let schema = SchemaDigest(input.fixed()?);
        let normaliser = input.text(MANIFEST_TEXT_BYTES_MAX)?.to_owned();
        let tables = input.text(MANIFEST_TEXT_BYTES_MAX)?.to_owned();
        let sequence = input.u32()?;
        let last = match input.u32()? {
            0 => false,
            1 => true,
            _ => return Err(input.refuse("the last flag is neither 0 nor 1")),
        };
        let rows = input.u32()?;
        let digest = input.fixed()?;
        let counts = read_counts(&mut input)?;
        input.finish()?;
        Ok(Self {
            site,
            project,
            epoch,
            secret_check,
            schema,
            normaliser,
            tables,
            sequence,
            last,
            rows,
            digest,
            counts,
        })
    }

    /// The batch's name.
    #[must_use]
    pub fn batch_id(&self) -> BatchId {
        BatchId(Sha256::digest(self.to_bytes()).into())
    }
}

/// Counters in strictly rising order of their names, so that there is one canonical form.
fn read_counts(input: &mut Reader<'_>) -> Result<BTreeMap<String, u32>, TokenError> {
    let count = input.u32()? as usize;
    if count > MANIFEST_COUNTS_MAX {
        return Err(TokenError::TooLarge {
            what: "a manifest's counters",
            limit: MANIFEST_COUNTS_MAX,
        });
    }
    let mut counts = BTreeMap::new();
    for _ in 0..count {
        let name = input.text(MANIFEST_TEXT_BYTES_MAX)?.to_owned();
        if counts
            .last_key_value()
            .is_some_and(|(last, _)| *last >= name)
        {
            return Err(input.refuse("its counters are not in order"));
        }
        counts.insert(name, input.u32()?);
    }
    Ok(counts)
}
