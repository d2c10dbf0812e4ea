//! A site's own keys: what opens its package, signs its manifests and names its records.

use std::{
    fmt,
    fs::OpenOptions,
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use aws_lc_rs::{
    digest::{Digest, SHA256},
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hpke::{Deserializable as _, Kem as _, Serializable as _, kem::DhP256HkdfSha256};
use linker_token::{Manifest, SiteId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::CustodyError,
    note::{self, Lines},
    oaep::{self, Oaep},
    p256,
    secret::Secret,
};

const WRAP_FILE: &str = "wrap.pk8";
const SIGN_FILE: &str = "sign.pk8";
const OUTER_FILE: &str = "outer.key";
const REFERENCE_FILE: &str = "reference.key";
/// PKCS#8 of an RSA-3072 key has about 1,800 bytes.
const KEY_FILE_BYTES_MAX: u64 = 4096;
const REQUEST_KIND: &str = "musubi/enrol-request/v1";
const SOFTWARE_BYTES_MAX: usize = 64;

pub(crate) type OuterKem = DhP256HkdfSha256;

/// The private keys of one site. The encoding secret is not among them: on disk it exists only inside
/// the package.
pub struct SiteKeys {
    wrap: PrivateDecryptingKey,
    wrap_spki: Vec<u8>,
    sign: EcdsaKeyPair,
    sign_spki: Vec<u8>,
    outer: <OuterKem as hpke::Kem>::PrivateKey,
    reference: Secret,
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

    /// Reads the keys of a folder that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`CustodyError::KeyFile`] if a file is missing or others may read it,
    /// [`CustodyError::Malformed`] if it holds no key.
    pub fn load(folder: &Path) -> Result<Self, CustodyError> {
        let malformed = |rule| CustodyError::Malformed {
            what: "a key file",
            rule,
        };
        let wrap = PrivateDecryptingKey::from_pkcs8(&read(&folder.join(WRAP_FILE))?);
        let wrap = wrap.ok().ok_or_else(|| malformed("it is not an RSA key"))?;
        let bytes = read(&folder.join(SIGN_FILE))?;
        let sign = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes);
        let sign = sign
            .ok()
            .ok_or_else(|| malformed("it is not a P-256 key"))?;
        let bytes = read(&folder.join(OUTER_FILE))?;
        let outer = <OuterKem as hpke::Kem>::PrivateKey::from_bytes(&bytes);
        let outer = outer
            .ok()
            .ok_or_else(|| malformed("it is not a P-256 scalar"))?;
        let mut bytes = read(&folder.join(REFERENCE_FILE))?;
        let reference = Secret::take_slice("a reference key file", &mut bytes)?;
        Self::assemble(wrap, sign, outer, reference)
    }

    /// Writes the keys into an existing folder, one file each, readable by the owner only. Existing
    /// files are never overwritten.
    ///
    /// # Errors
    /// [`CustodyError::KeyFile`].
    pub fn save(&self, folder: &Path) -> Result<(), CustodyError> {
        let failed = |operation| CustodyError::Primitive { operation };
        let wrap: Pkcs8V1Der<'_> = self
            .wrap
            .as_der()
            .ok()
            .ok_or_else(|| failed("encode an RSA key"))?;
        let sign = self
            .sign
            .to_pkcs8v1()
            .ok()
            .ok_or_else(|| failed("encode a P-256 key"))?;
        let outer = Zeroizing::new(self.outer.to_bytes().to_vec());
        write(&folder.join(WRAP_FILE), wrap.as_ref())?;
        write(&folder.join(SIGN_FILE), sign.as_ref())?;
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
            wrap,
            wrap_spki,
            sign_spki: p256::spki_of_point(point),
            sign,
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
    /// [`CustodyError::Primitive`] if the library fails.
    pub fn sign_manifest(&self, manifest: &Manifest) -> Result<[u8; 64], CustodyError> {
        let signature = self.sign.sign(&SystemRandom::new(), &manifest.to_bytes());
        signature
            .ok()
            .and_then(|signature| signature.as_ref().try_into().ok())
            .ok_or(CustodyError::Primitive {
                operation: "sign a manifest",
            })
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
            let failed = || CustodyError::Primitive {
                operation: "sign a note",
            };
            let digest = Digest::import_less_safe(digest, &SHA256).ok();
            let digest = digest.ok_or_else(failed)?;
            let signature = self.sign.sign_digest(&digest).ok().ok_or_else(failed)?;
            signature.as_ref().try_into().ok().ok_or_else(failed)
        })
    }

    pub(crate) fn outer_key(&self) -> &<OuterKem as hpke::Kem>::PrivateKey {
        &self.outer
    }

    pub(crate) fn open_wrapped(&self, oaep: Oaep, sealed: &[u8]) -> Result<Secret, CustodyError> {
        let key = OaepPrivateDecryptingKey::new(self.wrap.clone()).ok();
        let key = key.ok_or(CustodyError::Primitive {
            operation: "use an RSA key",
        })?;
        oaep::open(&key, oaep, "a wrapped encoding secret", sealed)
    }
}

impl fmt::Debug for SiteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteKeys(..)")
    }
}

/// A site's public keys as it asked to enrol them. The signature proves possession of the signing key;
/// whose keys they are, the custodians learn over a second channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolRequest {
    /// Who asks.
    pub site: SiteId,
    /// Name and version of the site's software.
    pub software: String,
    /// RSA-3072 `SubjectPublicKeyInfo`.
    pub wrap_spki: Vec<u8>,
    /// P-256 `SubjectPublicKeyInfo`.
    pub sign_spki: Vec<u8>,
    /// P-256 point for the outer layer of packages.
    pub outer_point: Vec<u8>,
    /// SHA-256 of the signed request.
    pub digest: [u8; 32],
}

impl EnrolRequest {
    /// Reads a request and checks its own signature.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] or [`CustodyError::BadSignature`].
    pub fn parse_verified(signed: &str) -> Result<Self, CustodyError> {
        let what = "an enrol request";
        let mut lines = Lines::new(what, REQUEST_KIND, note::unverified_text(what, signed)?)?;
        let site = SiteId::parse(lines.value("site")?)?;
        let software = lines.value("software")?.to_owned();
        if software.len() > SOFTWARE_BYTES_MAX {
            return Err(lines.refuse("the software name is too long"));
        }
        let wrap_spki = lines.base64("wrap")?;
        let sign_spki = lines.base64("sign")?;
        let outer_point = lines.base64("outer")?;
        lines.finish()?;
        oaep::check_spki(what, &wrap_spki)?;
        p256::check_spki(what, &sign_spki)?;
        let outer = <OuterKem as hpke::Kem>::PublicKey::from_bytes(&outer_point);
        outer.map_err(|_opaque| CustodyError::Malformed {
            what,
            rule: "its outer key is not a P-256 point",
        })?;
        note::open(what, signed, site.as_str(), &sign_spki)?;
        Ok(Self {
            site,
            software,
            wrap_spki,
            sign_spki,
            outer_point,
            digest: Sha256::digest(signed).into(),
        })
    }

    /// SHA-256 of the request, in groups of four digits, to be read back over a second channel.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digits = hex::encode(self.digest);
        let groups: Vec<_> = digits
            .as_bytes()
            .chunks(4)
            .map(String::from_utf8_lossy)
            .collect();
        groups.join(" ")
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    let failed = |source| CustodyError::KeyFile {
        operation: "read",
        path: path.display().to_string(),
        source,
    };
    let file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(failed(std::io::ErrorKind::PermissionDenied.into()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let mut file = file.take(KEY_FILE_BYTES_MAX);
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CustodyError> {
    let failed = |source| CustodyError::KeyFile {
        operation: "write",
        path: path.display().to_string(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
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
