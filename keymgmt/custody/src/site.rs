//! A site's own keys: what opens its package, signs its manifests and names its records.
//!
//! The wrapping and the signing key lie in files, or in a PKCS#11 token of the site. The key of the outer
//! layer and the reference key are always files: what the first opens the wrapping key protects as well, and
//! the second only names the site's own records and is used for every one of them.

mod files;
mod request;

use std::{fmt, path::Path};

use aws_lc_rs::{
    digest::{Digest, SHA256},
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hpke::{Kem as _, Serializable as _, kem::DhP256HkdfSha256};
use linker_token::{Manifest, SiteId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::CustodyError,
    note,
    oaep::{self, Oaep},
    p256,
    pkcs11::{Pin, SiteToken, TokenName},
    profile::Profile,
    secret::Secret,
};

pub use request::EnrolRequest;

use files::{read, read_rest, read_token_keys, token_text, write};

const WRAP_FILE: &str = "wrap.pk8";
const SIGN_FILE: &str = "sign.pk8";
const OUTER_FILE: &str = "outer.key";
const REFERENCE_FILE: &str = "reference.key";
/// Which keys are in a token; instead of the files of the wrapping and the signing key.
const TOKEN_FILE: &str = "token.keys";
const TOKEN_KIND: &str = "musubi/site-token/v1";
const REQUEST_KIND: &str = "musubi/enrol-request/v1";
const SOFTWARE_BYTES_MAX: usize = 64;

pub(crate) type OuterKem = DhP256HkdfSha256;

/// The private keys of one site. The encoding secret is not among them: on disk it exists only inside
/// the package.
pub struct SiteKeys {
    pair: Pair,
    wrap_spki: Vec<u8>,
    sign_spki: Vec<u8>,
    outer: <OuterKem as hpke::Kem>::PrivateKey,
    reference: Secret,
}

/// Where the wrapping and the signing key are used.
enum Pair {
    Host {
        wrap: PrivateDecryptingKey,
        sign: EcdsaKeyPair,
    },
    Token(Box<SiteToken>),
}

impl SiteKeys {
    /// New keys: RSA-3072 (opens the secret), P-256 (signs), P-256 (outer layer of packages), and a
    /// random reference key.
    ///
    /// # Errors
    /// [`CustodyError`] if the operating system gives no random bytes.
    pub fn generate() -> Result<Self, CustodyError> {
        let failed = |operation| CustodyError::Primitive { operation };
        let wrap = PrivateDecryptingKey::generate(KeySize::Rsa3072);
        let wrap = wrap.ok().ok_or_else(|| failed("make an RSA key"))?;
        let sign = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let sign = sign.ok().ok_or_else(|| failed("make a P-256 key"))?;
        // Checked before HPKE draws its own bytes, which panics if there are none.
        let reference = Secret::random()?;
        let (outer, _) = OuterKem::gen_keypair();
        Self::assemble(wrap, sign, outer, reference)
    }

    /// New keys of which the wrapping and the signing key are in a token.
    ///
    /// # Errors
    /// [`CustodyError`] if the operating system gives no random bytes.
    pub fn with_token(token: SiteToken) -> Result<Self, CustodyError> {
        let reference = Secret::random()?;
        let (outer, _) = OuterKem::gen_keypair();
        Self::assemble_with(token, outer, reference)
    }

    /// Whether a folder's wrapping and signing key are in a token.
    #[must_use]
    pub fn are_in_token(folder: &Path) -> bool {
        folder.join(TOKEN_FILE).exists()
    }

    /// Reads the keys of a folder that [`Self::save`] wrote, with those that are in a token.
    ///
    /// # Errors
    /// As [`Self::load`], and what the token says.
    pub fn load_with_token(
        folder: &Path,
        profile: &Profile,
        token: TokenName,
        pin: Pin,
    ) -> Result<Self, CustodyError> {
        let keys = read_token_keys(folder)?;
        let (outer, reference) = read_rest(folder)?;
        let token = SiteToken::open(profile, token, pin, keys)?;
        Self::assemble_with(token, outer, reference)
    }

    /// Reads the keys of a folder that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`CustodyError::KeyFile`] if a file is missing or others may read it,
    /// [`CustodyError::Malformed`] if it holds no key, or if the keys are in a token.
    pub fn load(folder: &Path) -> Result<Self, CustodyError> {
        let malformed = |rule| CustodyError::Malformed {
            what: "a key file",
            rule,
        };
        if Self::are_in_token(folder) {
            return Err(malformed("the keys are in a token, and no token is named"));
        }
        let wrap = PrivateDecryptingKey::from_pkcs8(&read(&folder.join(WRAP_FILE))?);
        let wrap = wrap.ok().ok_or_else(|| malformed("it is not an RSA key"))?;
        let bytes = read(&folder.join(SIGN_FILE))?;
        let sign = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes);
        let sign = sign
            .ok()
            .ok_or_else(|| malformed("it is not a P-256 key"))?;
        let (outer, reference) = read_rest(folder)?;
        Self::assemble(wrap, sign, outer, reference)
    }

    /// Writes the keys into an existing folder, one file each, readable by the owner only. Existing
    /// files are never overwritten.
    ///
    /// # Errors
    /// [`CustodyError::KeyFile`].
    pub fn save(&self, folder: &Path) -> Result<(), CustodyError> {
        let failed = |operation| CustodyError::Primitive { operation };
        let outer = Zeroizing::new(self.outer.to_bytes().to_vec());
        match &self.pair {
            Pair::Host { wrap, sign } => {
                let wrap: Option<Pkcs8V1Der<'_>> = wrap.as_der().ok();
                let wrap = wrap.ok_or_else(|| failed("encode an RSA key"))?;
                let sign = sign.to_pkcs8v1().ok();
                let sign = sign.ok_or_else(|| failed("encode a P-256 key"))?;
                write(&folder.join(WRAP_FILE), wrap.as_ref())?;
                write(&folder.join(SIGN_FILE), sign.as_ref())?;
            }
            Pair::Token(token) => {
                let text = token_text(token.keys())?;
                write(&folder.join(TOKEN_FILE), text.as_bytes())?;
            }
        }
        write(&folder.join(OUTER_FILE), &outer)?;
        write(&folder.join(REFERENCE_FILE), self.reference.expose())
    }

    fn assemble(
        wrap: PrivateDecryptingKey,
        sign: EcdsaKeyPair,
        outer: <OuterKem as hpke::Kem>::PrivateKey,
        reference: Secret,
    ) -> Result<Self, CustodyError> {
        let failed = |operation| CustodyError::Primitive { operation };
        let wrap_spki = wrap.public_key().as_der().ok();
        let wrap_spki = wrap_spki.ok_or_else(|| failed("encode an RSA public key"))?;
        let wrap_spki = wrap_spki.as_ref().to_vec();
        oaep::check_spki("the site's wrapping key", &wrap_spki)?;
        let point = sign.public_key().as_ref().try_into().ok();
        let point = point.ok_or_else(|| failed("encode a P-256 public key"))?;
        Ok(Self {
            wrap_spki,
            sign_spki: p256::spki_of_point(point),
            pair: Pair::Host { wrap, sign },
            outer,
            reference,
        })
    }

    fn assemble_with(
        token: SiteToken,
        outer: <OuterKem as hpke::Kem>::PrivateKey,
        reference: Secret,
    ) -> Result<Self, CustodyError> {
        let wrap_spki = token.keys().wrap.public_key()?.to_vec();
        oaep::check_spki("the site's wrapping key", &wrap_spki)?;
        let sign_spki = token.keys().sign.public_key()?.to_vec();
        p256::check_spki("the site's signing key", &sign_spki)?;
        Ok(Self {
            pair: Pair::Token(Box::new(token)),
            wrap_spki,
            sign_spki,
            outer,
            reference,
        })
    }

    /// The site's key for record references.
    #[must_use]
    pub fn reference_key(&self) -> &Secret {
        &self.reference
    }

    /// The signing key's `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn sign_public_key(&self) -> &[u8] {
        &self.sign_spki
    }

    /// The wrapping key's `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn wrap_public_key(&self) -> &[u8] {
        &self.wrap_spki
    }

    /// Signs a manifest's canonical bytes: ECDSA P-256, r ‖ s.
    ///
    /// # Errors
    /// [`CustodyError::Primitive`] if the library fails, or what the token says.
    pub fn sign_manifest(&self, manifest: &Manifest) -> Result<[u8; 64], CustodyError> {
        self.sign_digest(&Sha256::digest(manifest.to_bytes()).into())
    }

    /// Signs a SHA-256 digest: ECDSA P-256, r ‖ s.
    fn sign_digest(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError> {
        match &self.pair {
            Pair::Token(token) => token.sign(digest),
            Pair::Host { sign, .. } => {
                let failed = || CustodyError::Primitive { operation: "sign" };
                let digest = Digest::import_less_safe(digest, &SHA256).ok();
                let signature = sign.sign_digest(&digest.ok_or_else(failed)?).ok();
                let signature = signature.ok_or_else(failed)?;
                signature.as_ref().try_into().ok().ok_or_else(failed)
            }
        }
    }

    /// The enrol request: the site's public keys, signed with its own signing key.
    ///
    /// # Errors
    /// [`CustodyError`] if `software` cannot stand in a note.
    pub fn enrol_request(&self, site: &SiteId, software: &str) -> Result<String, CustodyError> {
        if software.is_empty() || software.len() > SOFTWARE_BYTES_MAX {
            return Err(CustodyError::TooLarge {
                what: "a software name",
                limit: SOFTWARE_BYTES_MAX,
            });
        }
        let outer = OuterKem::sk_to_pk(&self.outer).to_bytes();
        let text = format!(
            "{REQUEST_KIND}\nsite {site}\nsoftware {software}\nwrap {}\nsign {}\nouter {}\n",
            STANDARD.encode(&self.wrap_spki),
            STANDARD.encode(&self.sign_spki),
            STANDARD.encode(outer),
        );
        self.sign_note(&text, site)
    }

    pub(crate) fn sign_note(&self, text: &str, site: &SiteId) -> Result<String, CustodyError> {
        note::sign(text, site.as_str(), &self.sign_spki, |digest| {
            self.sign_digest(digest)
        })
    }

    pub(crate) fn outer_key(&self) -> &<OuterKem as hpke::Kem>::PrivateKey {
        &self.outer
    }

    /// Opens what was sealed to the wrapping key; `what` names it in an error.
    pub(crate) fn open_wrapped(
        &self,
        oaep: Oaep,
        what: &'static str,
        sealed: &[u8],
    ) -> Result<Secret, CustodyError> {
        let wrap = match &self.pair {
            Pair::Token(token) => return token.decrypt(oaep, what, sealed),
            Pair::Host { wrap, .. } => wrap,
        };
        let key = OaepPrivateDecryptingKey::new(wrap.clone()).ok();
        let key = key.ok_or(CustodyError::Primitive {
            operation: "use an RSA key",
        })?;
        oaep::open(&key, oaep, what, sealed)
    }
}

impl fmt::Debug for SiteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_survive_their_files_and_stay_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = SiteKeys::generate().expect("keys");
        keys.save(folder.path()).expect("saves");
        let loaded = SiteKeys::load(folder.path()).expect("loads");
        assert_eq!(loaded.sign_public_key(), keys.sign_public_key());
        assert_eq!(loaded.wrap_public_key(), keys.wrap_public_key());
        assert!(loaded.reference_key() == keys.reference_key());
        assert!(keys.save(folder.path()).is_err(), "never overwritten");
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(folder.path().join(SIGN_FILE), open).expect("chmod");
        let refused = SiteKeys::load(folder.path()).expect_err("others may read");
        assert_eq!(refused.code(), "KEY_FILE");
    }

    #[test]
    fn requests_are_signed_and_strict() {
        let keys = SiteKeys::generate().expect("keys");
        let site = SiteId::parse("hospital").expect("a name");
        let signed = keys.enrol_request(&site, "tokenizer 0.1.0").expect("signs");
        let request = EnrolRequest::parse_verified(&signed).expect("verifies");
        assert_eq!(request.site, site);
        assert_eq!(request.fingerprint().split(' ').count(), 16);
        let renamed = signed.replace("site hospital", "site clinic");
        assert!(EnrolRequest::parse_verified(&renamed).is_err());
        let other = signed.replace("0.1.0", "0.1.1");
        assert_eq!(
            EnrolRequest::parse_verified(&other)
                .expect_err("altered")
                .code(),
            "BAD_SIGNATURE"
        );
        assert!(
            keys.enrol_request(&site, &"x".repeat(SOFTWARE_BYTES_MAX + 1))
                .is_err()
        );
    }
}
