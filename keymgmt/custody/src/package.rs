//! How an encoding secret reaches a site: wrapped in the custody token, named and dated in a signed
//! note, and inside an HPKE layer (RFC 9180, P-256, HKDF-SHA256, AES-256-GCM).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hpke::{
    Deserializable as _, OpModeR, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256,
};
use linker_token::{CheckValue, Epoch, ProjectId, SchemaDigest, SiteId, canonical::Writer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::CustodyError,
    hierarchy::{Label, check_value, derive_in_host, epoch_context},
    limits::{CLOCK_SKEW_S, PACKAGE_BYTES_MAX, RSA_BYTES},
    note::{self, Lines},
    oaep::{self, Oaep},
    p256,
    secret::Secret,
    site::{OuterKem, SiteKeys},
};

/// The name under which the custody signing key (CSK) signs.
pub const CUSTODY_SIGNER: &str = "musubi/custody";

const MAGIC: [u8; 8] = *b"MSBPKG01";
const OUTER_INFO: &[u8] = b"musubi/package/v1";
const PACKAGE_KIND: &str = "musubi/package/v1";
const RECEIPT_KIND: &str = "musubi/package-receipt/v1";
/// One byte of length, and the site's name padded with zeros to its longest form.
const NAME_FIELD_BYTES: usize = 33;
const HEADER_BYTES: usize = MAGIC.len() + NAME_FIELD_BYTES;

/// What custody says to one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageContent {
    /// For which project.
    pub project: ProjectId,
    /// For which epoch.
    pub epoch: Epoch,
    /// To whom.
    pub site: SiteId,
    /// Which schema the secret is for.
    pub schema: SchemaDigest,
    /// The secret's check value.
    pub check: CheckValue,
    /// The hash inside both OAEP layers (this package's, and the content keys').
    pub oaep: Oaep,
    /// The encoding secret, RSA-OAEP to the site's wrapping key.
    pub wrapped_secret: Vec<u8>,
    /// SHA-256 of the wrapping key, so that a site with two keys knows which.
    pub wrap_digest: [u8; 32],
    /// The appliance's ingest key (AIK), to which batches are sealed.
    pub ingest_spki: Vec<u8>,
    /// The appliance's audit key (ASK), which signs receipts.
    pub audit_spki: Vec<u8>,
    /// Seconds since 1970 from which the package is valid.
    pub issued_unix_s: u64,
    /// Seconds since 1970 from which it is not valid any more.
    pub expires_unix_s: u64,
    /// What the site's receipt must repeat.
    pub receipt_nonce: [u8; 16],
}

impl PackageContent {
    fn to_text(&self) -> String {
        format!(
            "{PACKAGE_KIND}\nproject {}\nepoch {}\nsite {}\nschema {}\ncheck {}\noaep {}\n\
             secret {}\nwrap {}\ningest {}\naudit {}\nissued {}\nexpires {}\nnonce {}\n",
            self.project,
            self.epoch,
            self.site,
            self.schema,
            self.check,
            self.oaep,
            STANDARD.encode(&self.wrapped_secret),
            hex::encode(self.wrap_digest),
            STANDARD.encode(&self.ingest_spki),
            STANDARD.encode(&self.audit_spki),
            self.issued_unix_s,
            self.expires_unix_s,
            hex::encode(self.receipt_nonce),
        )
    }

    fn parse(text: &str) -> Result<Self, CustodyError> {
        let mut lines = Lines::new("a key package", PACKAGE_KIND, text)?;
        let content = Self {
            project: ProjectId::parse(lines.value("project")?)?,
            epoch: Epoch(lines.number("epoch")?),
            site: SiteId::parse(lines.value("site")?)?,
            schema: SchemaDigest(lines.hex("schema")?),
            check: CheckValue(lines.hex("check")?),
            oaep: Oaep::parse(lines.value("oaep")?)?,
            wrapped_secret: lines.base64("secret")?,
            wrap_digest: lines.hex("wrap")?,
            ingest_spki: lines.base64("ingest")?,
            audit_spki: lines.base64("audit")?,
            issued_unix_s: lines.number("issued")?,
            expires_unix_s: lines.number("expires")?,
            receipt_nonce: lines.hex("nonce")?,
        };
        if content.wrapped_secret.len() != RSA_BYTES {
            return Err(lines.refuse("the wrapped secret has the wrong length"));
        }
        lines.finish()?;
        oaep::check_spki("the ingest key", &content.ingest_spki)?;
        p256::check_spki("the audit key", &content.audit_spki)?;
        Ok(content)
    }
}

/// Signs a package with the custody key and seals it to a site's outer key.
///
/// # Errors
/// [`CustodyError`] from the signer, or if the outer key is no P-256 point.
pub fn issue(
    content: &PackageContent,
    outer_point: &[u8],
    csk_spki: &[u8],
    sign: impl FnOnce(&[u8; 32]) -> Result<[u8; 64], CustodyError>,
) -> Result<Vec<u8>, CustodyError> {
    let signed = note::sign(&content.to_text(), CUSTODY_SIGNER, csk_spki, sign)?;
    // HPKE panics where the operating system gives no random bytes; ask first.
    drop(Secret::random()?);
    let header = header(&content.site);
    let key = <OuterKem as hpke::Kem>::PublicKey::from_bytes(outer_point);
    let key = key.map_err(|_opaque| CustodyError::Malformed {
        what: "an outer key",
        rule: "it is not a P-256 point",
    })?;
    let (encapsulated, sealed) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, OuterKem>(
        &OpModeS::Base,
        &key,
        OUTER_INFO,
        signed.as_bytes(),
        &header,
    )
    .map_err(|_opaque| CustodyError::Primitive {
        operation: "seal a package",
    })?;
    Ok([&header[..], &encapsulated.to_bytes(), &sealed].concat())
}

/// A key package as a site receives it.
#[derive(Debug)]
pub struct SitePackage;

impl SitePackage {
    /// What a package says, verified but for its validity, without opening the secret: for who only needs to
    /// know what it is, also when it has expired.
    ///
    /// # Errors
    /// [`CustodyError::ForeignPackage`], [`CustodyError::NotAuthentic`] or [`CustodyError::BadSignature`].
    pub fn content(
        package: &[u8],
        keys: &SiteKeys,
        site: &SiteId,
        pinned_csk: &[u8],
    ) -> Result<PackageContent, CustodyError> {
        let signed = open_outer(package, keys, site)?;
        let what = "a key package";
        let content =
            PackageContent::parse(note::open(what, &signed, CUSTODY_SIGNER, pinned_csk)?)?;
        let ours = <[u8; 32]>::from(Sha256::digest(keys.wrap_public_key()));
        if content.site != *site || content.wrap_digest != ours {
            return Err(CustodyError::ForeignPackage);
        }
        Ok(content)
    }

    /// Opens a package: outer layer, custody signature against the pinned key, site, validity at
    /// `now_unix_s`, the secret itself, and its check value, which binds it to project and epoch.
    ///
    /// # Errors
    /// [`CustodyError::ForeignPackage`], [`CustodyError::NotAuthentic`],
    /// [`CustodyError::BadSignature`], [`CustodyError::Expired`] or [`CustodyError::WrongSecret`].
    pub fn open(
        package: &[u8],
        keys: &SiteKeys,
        site: &SiteId,
        pinned_csk: &[u8],
        now_unix_s: u64,
    ) -> Result<OpenedPackage, CustodyError> {
        let what = "a key package";
        let content = Self::content(package, keys, site, pinned_csk)?;
        let start = content.issued_unix_s.saturating_sub(CLOCK_SKEW_S);
        if !(start..content.expires_unix_s).contains(&now_unix_s) {
            return Err(CustodyError::Expired { what });
        }
        let wrapped = "a wrapped encoding secret";
        let secret = keys.open_wrapped(content.oaep, wrapped, &content.wrapped_secret)?;
        if check_value(&secret, &content.project, content.epoch) != content.check {
            return Err(CustodyError::WrongSecret {
                what: "the package's check value",
            });
        }
        if content.oaep == Oaep::Sha1 {
            tracing::warn!("this key package uses OAEP with SHA-1: tests and demonstrations only");
        }
        Ok(OpenedPackage { content, secret })
    }
}

/// A verified package and the encoding secret that was in it.
pub struct OpenedPackage {
    content: PackageContent,
    secret: Secret,
}

impl OpenedPackage {
    /// What custody said.
    #[must_use]
    pub fn content(&self) -> &PackageContent {
        &self.content
    }

    /// The encoding secret (LEK).
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Proof for the custodians that this site holds the secret: HMAC(LEK, block(receipt, context ‖
    /// nonce)), signed by the site.
    ///
    /// # Errors
    /// [`CustodyError::Primitive`] if the library fails.
    pub fn receipt(&self, keys: &SiteKeys) -> Result<String, CustodyError> {
        let content = &self.content;
        let context = receipt_context(
            &content.project,
            content.epoch,
            &content.site,
            &content.receipt_nonce,
        );
        let mac = derive_in_host(&self.secret, Label::Receipt, &context);
        let text = format!(
            "{RECEIPT_KIND}\nproject {}\nepoch {}\nsite {}\nnonce {}\nmac {}\n",
            content.project,
            content.epoch,
            content.site,
            hex::encode(content.receipt_nonce),
            hex::encode(mac.expose()),
        );
        keys.sign_note(&text, &content.site)
    }
}

impl fmt::Debug for OpenedPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenedPackage(..)")
    }
}

/// A site's statement that it opened its package. The MAC is checked in the custody token.
pub struct PackageReceipt {
    /// For which project.
    pub project: ProjectId,
    /// For which epoch.
    pub epoch: Epoch,
    /// By whom.
    pub site: SiteId,
    /// The package's nonce.
    pub nonce: [u8; 16],
    /// HMAC over [`receipt_context`]; compare in constant time.
    pub mac: Secret,
}

impl PackageReceipt {
    /// The site that a receipt names, before its signature is verified.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`].
    pub fn claimed_site(signed: &str) -> Result<SiteId, CustodyError> {
        let what = "a package receipt";
        Self::parse(note::unverified_text(what, signed)?).map(|receipt| receipt.site)
    }

    /// Reads a receipt and verifies the signature of the site's enrolled key.
    ///
    /// # Errors
    /// [`CustodyError::BadSignature`] or [`CustodyError::Malformed`].
    pub fn parse_verified(
        signed: &str,
        site: &SiteId,
        sign_spki: &[u8],
    ) -> Result<Self, CustodyError> {
        let what = "a package receipt";
        let receipt = Self::parse(note::open(what, signed, site.as_str(), sign_spki)?)?;
        if receipt.site == *site {
            Ok(receipt)
        } else {
            Err(CustodyError::BadSignature { what })
        }
    }

    fn parse(text: &str) -> Result<Self, CustodyError> {
        let mut lines = Lines::new("a package receipt", RECEIPT_KIND, text)?;
        let receipt = Self {
            project: ProjectId::parse(lines.value("project")?)?,
            epoch: Epoch(lines.number("epoch")?),
            site: SiteId::parse(lines.value("site")?)?,
            nonce: lines.hex("nonce")?,
            mac: Secret::take(&mut lines.hex("mac")?),
        };
        lines.finish()?;
        Ok(receipt)
    }
}

impl fmt::Debug for PackageReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackageReceipt({})", self.site)
    }
}

/// The context of a receipt's MAC: project, epoch, site and nonce, under [`Label::Receipt`].
#[must_use]
pub fn receipt_context(
    project: &ProjectId,
    epoch: Epoch,
    site: &SiteId,
    nonce: &[u8; 16],
) -> Vec<u8> {
    let mut context = epoch_context(project, epoch);
    context.extend_from_slice(site.as_str().as_bytes());
    context.push(0);
    context.extend_from_slice(nonce);
    context
}

/// Magic and site name stand before the sealed part, so that a package names its site, and are
/// authenticated with it.
fn header(site: &SiteId) -> Vec<u8> {
    let mut field = [0; NAME_FIELD_BYTES];
    let name = site.as_str().as_bytes();
    field[0] = u8::try_from(name.len()).expect("names have at most 32 bytes");
    field[1..=name.len()].copy_from_slice(name);
    let mut header = Writer::new(MAGIC);
    header.fixed(&field);
    header.finish()
}

fn open_outer(
    package: &[u8],
    keys: &SiteKeys,
    site: &SiteId,
) -> Result<Zeroizing<String>, CustodyError> {
    let what = "a key package";
    if package.len() > PACKAGE_BYTES_MAX {
        return Err(CustodyError::TooLarge {
            what,
            limit: PACKAGE_BYTES_MAX,
        });
    }
    let malformed = |rule| CustodyError::Malformed { what, rule };
    let (found, rest) = package
        .split_at_checked(HEADER_BYTES)
        .ok_or_else(|| malformed("it ends early"))?;
    let (encapsulated, sealed) = rest
        .split_at_checked(p256::POINT_BYTES)
        .ok_or_else(|| malformed("it ends early"))?;
    if !found.starts_with(&MAGIC) {
        return Err(malformed("unknown format or version"));
    }
    if found != header(site) {
        return Err(CustodyError::ForeignPackage);
    }
    let encapsulated = <OuterKem as hpke::Kem>::EncappedKey::from_bytes(encapsulated)
        .map_err(|_opaque| CustodyError::NotAuthentic { what })?;
    let opened = hpke::single_shot_open::<AesGcm256, HkdfSha256, OuterKem>(
        &OpModeR::Base,
        keys.outer_key(),
        &encapsulated,
        OUTER_INFO,
        sealed,
        found,
    )
    .map_err(|_opaque| CustodyError::NotAuthentic { what })?;
    String::from_utf8(opened)
        .map(Zeroizing::new)
        .map_err(|_source| malformed("it is not text"))
}
