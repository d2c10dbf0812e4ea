//! Batches under way: sealed at a site to the ingest key, opened by the appliance.

use std::fmt;

use linker_token::{BatchId, Manifest, canonical::Writer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    custody::Custody,
    envelope::FrameCipher,
    error::CustodyError,
    limits::{CHUNK_BYTES, CHUNKS_MAX},
    oaep::{self, Oaep},
    p256,
    secret::Secret,
};

const CHUNK_MAGIC: [u8; 8] = *b"MSBCHK01";

/// What a site uploads beside manifest and signature.
pub struct SealedBatch {
    /// The batch's content key, RSA-OAEP to the ingest key.
    pub sealed_content_key: Vec<u8>,
    /// Sealed chunks in order, at least one.
    pub chunks: Vec<Vec<u8>>,
}

impl fmt::Debug for SealedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBatch({} chunks)", self.chunks.len())
    }
}

/// A batch's canonical bytes and their digest, which is computed once: for the manifest and for the check
/// that the manifest is theirs. Wiped when dropped.
pub struct Plaintext {
    bytes: Zeroizing<Vec<u8>>,
    digest: [u8; 32],
}

impl Plaintext {
    /// Takes what `TokenBatch::to_bytes` made.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            digest: Sha256::digest(&bytes).into(),
            bytes: Zeroizing::new(bytes),
        }
    }

    /// SHA-256 of the bytes, for the manifest.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(..)")
    }
}

/// Seals a batch under a fresh content key.
///
/// # Errors
/// [`CustodyError::Malformed`] if `plaintext` is not the manifest's batch, [`CustodyError::TooLarge`]
/// past the chunk limit.
pub fn seal_batch(
    manifest: &Manifest,
    plaintext: &Plaintext,
    ingest_spki: &[u8],
    oaep: Oaep,
) -> Result<SealedBatch, CustodyError> {
    check_digest(manifest, plaintext.digest)?;
    let plaintext = &plaintext.bytes;
    let count = plaintext.len().div_ceil(CHUNK_BYTES).max(1);
    check_count(count)?;
    let content_key = Secret::random()?;
    let sealed_content_key = oaep::seal(ingest_spki, oaep, &content_key)?;
    let cipher = FrameCipher::new(&content_key);
    let aad = chunk_aad(manifest);
    let mut chunks = Vec::with_capacity(count);
    for sequence in 0..count {
        let start = sequence * CHUNK_BYTES;
        let end = plaintext.len().min(start + CHUNK_BYTES);
        let last = sequence + 1 == count;
        chunks.push(cipher.seal(sequence as u64, last, &aad, &plaintext[start..end])?);
    }
    Ok(SealedBatch {
        sealed_content_key,
        chunks,
    })
}

/// A manifest whose signature was verified with the site's enrolled key. Only
/// [`verify_manifest`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedManifest(Manifest);

impl VerifiedManifest {
    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0
    }

    /// The batch's name.
    #[must_use]
    pub fn batch_id(&self) -> BatchId {
        self.0.batch_id()
    }
}

/// Verifies a site's signature (ECDSA P-256, r ‖ s) over the manifest's canonical bytes.
///
/// # Errors
/// [`CustodyError::BadSignature`].
pub fn verify_manifest(
    manifest: &Manifest,
    signature: &[u8],
    site_sign_spki: &[u8],
) -> Result<VerifiedManifest, CustodyError> {
    let bytes = manifest.to_bytes();
    p256::verify_fixed("the manifest", site_sign_spki, &bytes, signature)?;
    Ok(VerifiedManifest(manifest.clone()))
}

/// Opens a batch: the content key in the token, the chunks in the host. The result is exactly the
/// batch that the manifest's digest names.
///
/// # Errors
/// [`CustodyError::CorruptChunk`] with the first bad chunk, [`CustodyError::NotAuthentic`] for a
/// content key of another appliance, [`CustodyError::TooLarge`] past the chunk limit.
pub fn open_batch(
    custody: &dyn Custody,
    manifest: &VerifiedManifest,
    sealed_content_key: &[u8],
    chunks: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    let content_key = custody.open_content_key(sealed_content_key)?;
    let cipher = FrameCipher::new(&content_key);
    let aad = chunk_aad(&manifest.0);
    let mut opened = Vec::new();
    let mut chunks = chunks.into_iter().peekable();
    let mut sequence = 0_u32;
    while let Some(chunk) = chunks.next() {
        check_count(sequence as usize + 1)?;
        let last = chunks.peek().is_none();
        let plain = cipher.open(sequence.into(), last, &aad, chunk.as_ref());
        opened.push(plain.map_err(|_opaque| CustodyError::CorruptChunk { sequence })?);
        sequence += 1;
    }
    if sequence == 0 {
        return Err(CustodyError::CorruptChunk { sequence });
    }
    // Joined into exactly enough room: a growing buffer would leave copies behind.
    let length = opened.iter().map(|chunk| chunk.len()).sum();
    let mut plaintext = Zeroizing::new(Vec::with_capacity(length));
    opened
        .iter()
        .for_each(|chunk| plaintext.extend_from_slice(chunk));
    check_digest(&manifest.0, Sha256::digest(&plaintext).into())?;
    Ok(plaintext)
}

fn check_count(count: usize) -> Result<(), CustodyError> {
    if count > CHUNKS_MAX {
        return Err(CustodyError::TooLarge {
            what: "the number of chunks",
            limit: CHUNKS_MAX,
        });
    }
    Ok(())
}

fn check_digest(manifest: &Manifest, digest: [u8; 32]) -> Result<(), CustodyError> {
    if digest == manifest.digest {
        Ok(())
    } else {
        Err(CustodyError::Malformed {
            what: "a batch",
            rule: "its digest is not the manifest's",
        })
    }
}

/// Binds chunks to site, project, epoch, batch, schema and secret. Sequence and last flag are bound
/// by the nonce.
fn chunk_aad(manifest: &Manifest) -> Vec<u8> {
    let mut aad = Writer::new(CHUNK_MAGIC);
    aad.text(manifest.site.as_str());
    aad.text(manifest.project.as_str());
    aad.u32(manifest.epoch.0);
    aad.fixed(&manifest.batch_id().0);
    aad.fixed(&manifest.schema.0);
    aad.fixed(&manifest.secret_check.0);
    aad.finish()
}
