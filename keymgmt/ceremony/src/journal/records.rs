//! What the journal says of tokens, keys, backup and sites.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::inventory::{KeyEntry, KeyId, KeyProof};
use linker_token::CheckValue;
use serde::{Deserialize, Serialize};

use crate::error::CeremonyError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRecord {
    pub(crate) label: String,
    pub(crate) serial: String,
}

/// A key in a token that is not the folder's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoredRecord {
    pub(crate) label: String,
    pub(crate) serial: String,
    pub(crate) id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRecord {
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) proof: ProofRecord,
    /// The ceremony that made or adopted it.
    pub(crate) ceremony: u32,
    /// Made by an earlier epoch's ceremony and still in use.
    pub(crate) adopted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProofRecord {
    Secret(String),
    P256(String),
    Rsa(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupRecord {
    /// Name of the blob's file below `backup/`.
    pub(crate) file: String,
    pub(crate) set: String,
    pub(crate) check: String,
    pub(crate) threshold: u8,
    pub(crate) shares: u8,
    pub(crate) blob_sha256: String,
    pub(crate) custodians: Vec<CustodianRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustodianRecord {
    pub(crate) name: String,
    pub(crate) index: u8,
    pub(crate) commitment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteRecord {
    pub(crate) request_sha256: String,
    pub(crate) sign_spki: String,
    pub(crate) package: Option<PackageRecord>,
    pub(crate) revoked_unix_s: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackageRecord {
    pub(crate) sha256: String,
    pub(crate) expires_unix_s: u64,
    pub(crate) receipt_nonce: String,
}

impl KeyRecord {
    pub(crate) fn entry(&self) -> Result<KeyEntry, CeremonyError> {
        let damaged = || CeremonyError::WrongFolder {
            rule: "a key of its journal does not parse",
        };
        let spki = |text: &String| STANDARD.decode(text).ok().ok_or_else(damaged);
        let proof = match &self.proof {
            ProofRecord::Secret(check) => {
                KeyProof::Secret(CheckValue(unhex(check).ok_or_else(damaged)?))
            }
            ProofRecord::P256(text) => KeyProof::P256(spki(text)?),
            ProofRecord::Rsa(text) => KeyProof::Rsa(spki(text)?),
        };
        Ok(KeyEntry {
            name: self.name.clone(),
            id: KeyId(unhex(&self.id).ok_or_else(damaged)?),
            proof,
        })
    }
}

/// Hexadecimal of exactly `N` bytes.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
