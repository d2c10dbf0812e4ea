//! What a site asks the custodians to enrol.

use hpke::Deserializable as _;
use linker_token::SiteId;
use sha2::{Digest as _, Sha256};

use super::{OuterKem, REQUEST_KIND, SOFTWARE_BYTES_MAX};
use crate::{
    error::CustodyError,
    note::{self, Lines},
    oaep, p256,
};

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
