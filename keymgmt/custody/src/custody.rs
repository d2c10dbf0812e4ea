//! What the appliance may ask of its token.

use crate::{
    error::CustodyError,
    hierarchy::{DerivingKey, Label},
    secret::Secret,
};

/// The appliance's keys. Two implementations: a PKCS#11 token, and a software fake for tests that
/// refuses to start in production.
///
/// No call may stand on a per-record path: hardware answers hundreds of calls a second, not millions.
pub trait Custody: Send + Sync {
    /// HMAC-SHA-256 in the token over [`crate::hierarchy::derivation_block`].
    ///
    /// # Errors
    /// [`CustodyError`] if the token does not answer or the key is not there.
    fn derive(
        &self,
        key: DerivingKey,
        label: Label,
        context: &[u8],
    ) -> Result<Secret, CustodyError>;

    /// Opens a batch's content key with the ingest key (AIK, RSA-OAEP).
    ///
    /// # Errors
    /// [`CustodyError`] if the blob was not sealed to this key, or the token does not answer.
    fn open_content_key(&self, sealed: &[u8]) -> Result<Secret, CustodyError>;

    /// Signs a SHA-256 digest with the audit key (ASK, ECDSA P-256), r ‖ s.
    ///
    /// # Errors
    /// [`CustodyError`] if the token does not answer.
    fn sign_audit(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError>;

    /// The audit key's `SubjectPublicKeyInfo`, DER.
    fn audit_public_key(&self) -> &[u8];

    /// The ingest key's `SubjectPublicKeyInfo`, DER.
    fn ingest_public_key(&self) -> &[u8];

    /// Fills `bytes` from the token's random generator.
    ///
    /// # Errors
    /// [`CustodyError`] if the token does not answer.
    fn random(&self, bytes: &mut [u8]) -> Result<(), CustodyError>;

    /// Uses a key; session state alone proves nothing.
    ///
    /// # Errors
    /// [`CustodyError`] if the token does not answer or answers wrongly.
    fn check_health(&self) -> Result<(), CustodyError>;
}
