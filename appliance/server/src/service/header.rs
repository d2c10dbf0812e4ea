//! The header of an upload: every check that needs no chunk.

use appliance_store::StoreError;
use keymgmt_custody::{
    CustodyError,
    batch::{VerifiedManifest, verify_manifest},
};
use linker_token::{
    BatchId, Manifest, SiteId, TokenError,
    canonical::{Reader, Writer},
};

use crate::{
    auth::Caller,
    error::ServiceError,
    limits,
    service::{Appliance, revocation},
};

const MAGIC: [u8; 8] = *b"MSBUPH01";

/// The first message of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Canonical bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The site's signature over them.
    pub signature: Vec<u8>,
    /// The content key, sealed to the ingest key.
    pub sealed_content_key: Vec<u8>,
    /// Number of chunks.
    pub chunk_count: u32,
    /// Where this stream starts.
    pub first_sequence: u32,
    /// Size of the newest checkpoint that the site keeps, 0 for none.
    pub checkpoint_size_seen: u64,
}

/// All checks that need no chunk, in the order of the reasons a site can act on.
pub(super) fn verify(
    appliance: &Appliance,
    caller: &Caller,
    header: &Header,
) -> Result<VerifiedManifest, ServiceError> {
    let site = caller.site()?;
    let manifest = Manifest::from_bytes(&header.manifest).map_err(ServiceError::BadManifest)?;
    if manifest.site != *site {
        return Err(ServiceError::ForeignSite);
    }
    let trust = appliance.trust();
    revocation::check(&trust.enrolment, site)?;
    let scope = appliance.scope();
    if manifest.project != scope.project {
        return Err(ServiceError::WrongProject);
    }
    if manifest.epoch != scope.epoch {
        return Err(ServiceError::WrongEpoch);
    }
    if manifest.schema != scope.schema.digest() {
        return Err(ServiceError::WrongSchema);
    }
    if manifest.secret_check != trust.enrolment.secret_check {
        return Err(ServiceError::WrongSecret);
    }
    let enrolled = match trust.enrolment.site(site, appliance.now()) {
        Ok(enrolled) => enrolled,
        Err(CustodyError::Expired { .. }) => return Err(ServiceError::EnrolmentExpired),
        Err(CustodyError::SiteRevoked { .. }) => return Err(ServiceError::SiteRevoked),
        Err(_) => return Err(ServiceError::NotEnrolled),
    };
    let verified = verify_manifest(&manifest, &header.signature, &enrolled.sign_spki)
        .map_err(|_opaque| ServiceError::BadSignature)?;
    check_sizes(appliance, &manifest, header)?;
    Ok(verified)
}

/// The bounds of a batch and of its site, and the number of chunks that its rows make.
fn check_sizes(
    appliance: &Appliance,
    manifest: &Manifest,
    header: &Header,
) -> Result<(), ServiceError> {
    let rows = manifest.rows as usize;
    if rows == 0 {
        return Err(ServiceError::Malformed {
            rule: "a batch has rows",
        });
    }
    if rows > linker_token::limits::BATCH_ROWS_MAX {
        let limit = linker_token::limits::BATCH_ROWS_MAX;
        return Err(ServiceError::TooLarge {
            what: "the number of rows",
            limit,
        });
    }
    if header.sealed_content_key.len() > limits::SEALED_KEY_BYTES_MAX {
        let limit = limits::SEALED_KEY_BYTES_MAX;
        return Err(ServiceError::TooLarge {
            what: "the sealed content key",
            limit,
        });
    }
    let row_bytes =
        appliance.scope().schema.row_words() * 8 + linker_token::limits::REFERENCE_BYTES + 4;
    let bytes = limits::BATCH_HEAD_BYTES + rows * row_bytes;
    if header.chunk_count as usize != bytes.div_ceil(limits::CHUNK_PLAIN_BYTES) {
        return Err(ServiceError::Malformed {
            rule: "the number of chunks does not follow from the rows",
        });
    }
    Ok(())
}

/// The header that the upload under way was begun with.
pub(super) fn stored(
    appliance: &Appliance,
    batch_id: BatchId,
) -> Result<Option<Vec<u8>>, ServiceError> {
    match appliance.store().upload_header(batch_id) {
        Ok(header) => Ok(Some(header)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What of a header is kept with the chunks: everything but what belongs to one stream.
pub(super) fn encode(header: &Header) -> Vec<u8> {
    let mut out = Writer::new(MAGIC);
    for part in [
        &header.manifest,
        &header.signature,
        &header.sealed_content_key,
    ] {
        out.u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
        out.fixed(part);
    }
    out.u32(header.chunk_count);
    out.finish()
}

/// Whether a kept header's manifest names `site`.
pub(super) fn names_site(stored: &[u8], site: &SiteId) -> bool {
    let manifest = || -> Result<Manifest, TokenError> {
        let mut input = Reader::new("an upload's header", MAGIC, stored)?;
        let length = input.u32()? as usize;
        Manifest::from_bytes(input.take(length)?)
    };
    manifest().is_ok_and(|manifest| manifest.site == *site)
}
