//! The list of sites that the appliance trusts, signed by custody.
//!
//! The same list exists twice: as *issued* when packages leave custody, and as *enrolment* with those
//! sites only whose receipt was verified in the token. The appliance reads enrolments.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use linker_token::{CheckValue, Epoch, ProjectId, SchemaDigest, SiteId};

use crate::{
    error::CustodyError,
    limits::SITES_MAX,
    note::{self, Lines, parse_hex, parse_number},
    oaep::Oaep,
    p256,
    package::CUSTODY_SIGNER,
};

/// At which point of the delivery a list was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Packages were issued; receipts are awaited.
    Issued,
    /// Receipts were verified.
    Enrolled,
}

impl Stage {
    fn kind(self) -> &'static str {
        match self {
            Self::Issued => "musubi/issued/v1",
            Self::Enrolled => "musubi/enrolment/v1",
        }
    }
}

/// One site of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteEntry {
    /// The key that signs the site's manifests, `SubjectPublicKeyInfo`.
    pub sign_spki: Vec<u8>,
    /// Seconds since 1970 from which the site is not trusted any more.
    pub expires_unix_s: u64,
    /// What the site's receipt must repeat.
    pub receipt_nonce: [u8; 16],
    /// Seconds since 1970 at which the custodians revoked the site. Its line stays in the list, so that
    /// who reads a new list sees a revocation and not a mistake.
    pub revoked_unix_s: Option<u64>,
}

/// Which sites may submit to one project and epoch, and with which secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The project.
    pub project: ProjectId,
    /// The epoch.
    pub epoch: Epoch,
    /// The schema in force.
    pub schema: SchemaDigest,
    /// The encoding secret's check value.
    pub secret_check: CheckValue,
    /// The hash inside OAEP.
    pub oaep: Oaep,
    /// The sites.
    pub sites: BTreeMap<SiteId, SiteEntry>,
}

impl Enrolment {
    /// Reads a signed enrolment.
    ///
    /// # Errors
    /// [`CustodyError::BadSignature`] unless custody signed it, [`CustodyError::Malformed`].
    pub fn parse_verified(signed: &str, csk_spki: &[u8]) -> Result<Self, CustodyError> {
        Self::parse_stage(Stage::Enrolled, signed, csk_spki)
    }

    /// Reads a signed list of either stage.
    ///
    /// # Errors
    /// As [`Self::parse_verified`].
    pub fn parse_stage(stage: Stage, signed: &str, csk_spki: &[u8]) -> Result<Self, CustodyError> {
        let what = "an enrolment";
        let text = note::open(what, signed, CUSTODY_SIGNER, csk_spki)?;
        let mut lines = Lines::new(what, stage.kind(), text)?;
        let mut enrolment = Self {
            project: ProjectId::parse(lines.value("project")?)?,
            epoch: Epoch(lines.number("epoch")?),
            schema: SchemaDigest(lines.hex("schema")?),
            secret_check: CheckValue(lines.hex("check")?),
            oaep: Oaep::parse(lines.value("oaep")?)?,
            sites: BTreeMap::new(),
        };
        while let Some(line) = lines.optional("site") {
            let (site, entry) = parse_site(line)?;
            if enrolment
                .sites
                .last_key_value()
                .is_some_and(|(last, _)| *last >= site)
            {
                return Err(lines.refuse("its sites are not in order"));
            }
            enrolment.sites.insert(site, entry);
            check_count(enrolment.sites.len())?;
        }
        lines.finish()?;
        Ok(enrolment)
    }

    /// Signs a list.
    ///
    /// # Errors
    /// [`CustodyError`] from the signer, or [`CustodyError::TooLarge`].
    pub fn sign(
        &self,
        stage: Stage,
        csk_spki: &[u8],
        sign: impl FnOnce(&[u8; 32]) -> Result<[u8; 64], CustodyError>,
    ) -> Result<String, CustodyError> {
        check_count(self.sites.len())?;
        let mut text = format!(
            "{}\nproject {}\nepoch {}\nschema {}\ncheck {}\noaep {}\n",
            stage.kind(),
            self.project,
            self.epoch,
            self.schema,
            self.secret_check,
            self.oaep
        );
        for (site, entry) in &self.sites {
            let line = format!(
                "site {site} {} {} {}",
                STANDARD.encode(&entry.sign_spki),
                entry.expires_unix_s,
                hex::encode(entry.receipt_nonce)
            );
            text.push_str(&line);
            if let Some(revoked) = entry.revoked_unix_s {
                text.push_str(&format!(" revoked {revoked}"));
            }
            text.push('\n');
        }
        note::sign(&text, CUSTODY_SIGNER, csk_spki, sign)
    }

    /// Revokes a site: from the moment that this list is signed and deployed, nothing of the site is
    /// taken any more. A repeat keeps the first time.
    ///
    /// # Errors
    /// [`CustodyError::NotEnrolled`] if the list does not name the site.
    pub fn revoke(&mut self, site: &SiteId, now_unix_s: u64) -> Result<(), CustodyError> {
        let entry = self.sites.get_mut(site);
        let entry = entry.ok_or_else(|| CustodyError::NotEnrolled {
            site: site.to_string(),
        })?;
        entry.revoked_unix_s.get_or_insert(now_unix_s);
        Ok(())
    }

    /// The revoked sites with their entries.
    pub fn revoked(&self) -> impl Iterator<Item = (&SiteId, &SiteEntry)> {
        let sites = self.sites.iter();
        sites.filter(|(_, entry)| entry.revoked_unix_s.is_some())
    }

    /// The entry of a site that is enrolled at `now_unix_s`. A revocation holds from the moment that the
    /// list is read, whatever its time: a clock that is behind must not keep a revoked site in.
    ///
    /// # Errors
    /// [`CustodyError::NotEnrolled`], [`CustodyError::SiteRevoked`] or [`CustodyError::Expired`].
    pub fn site(&self, site: &SiteId, now_unix_s: u64) -> Result<&SiteEntry, CustodyError> {
        let entry = self
            .sites
            .get(site)
            .ok_or_else(|| CustodyError::NotEnrolled {
                site: site.to_string(),
            })?;
        if entry.revoked_unix_s.is_some() {
            Err(CustodyError::SiteRevoked {
                site: site.to_string(),
            })
        } else if now_unix_s < entry.expires_unix_s {
            Ok(entry)
        } else {
            Err(CustodyError::Expired {
                what: "the site's enrolment",
            })
        }
    }
}

/// Name of the audit log of a later epoch: that of the epoch before it without its number, and the number.
/// Appliance and sites know this one rule, so nobody has to be told another name.
#[must_use]
pub fn log_of_epoch(origin: &str, epoch: Epoch) -> String {
    let base = match origin.rsplit_once("/epoch-") {
        Some((base, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => base,
        Some(_) | None => origin,
    };
    format!("{base}/epoch-{epoch}")
}

fn check_count(count: usize) -> Result<(), CustodyError> {
    if count > SITES_MAX {
        return Err(CustodyError::TooLarge {
            what: "the number of sites",
            limit: SITES_MAX,
        });
    }
    Ok(())
}

fn parse_site(line: &str) -> Result<(SiteId, SiteEntry), CustodyError> {
    let malformed = || CustodyError::Malformed {
        what: "an enrolment",
        rule: "a site line does not parse",
    };
    let parts: Vec<_> = line.split(' ').collect();
    let (site, key, expires, nonce, revoked) = match parts[..] {
        [site, key, expires, nonce] => (site, key, expires, nonce, None),
        [site, key, expires, nonce, "revoked", at] => {
            let at = parse_number(at).ok_or_else(malformed)?;
            (site, key, expires, nonce, Some(at))
        }
        _ => return Err(malformed()),
    };
    let entry = SiteEntry {
        sign_spki: STANDARD.decode(key).ok().ok_or_else(malformed)?,
        expires_unix_s: parse_number(expires).ok_or_else(malformed)?,
        receipt_nonce: parse_hex(nonce).ok_or_else(malformed)?,
        revoked_unix_s: revoked,
    };
    p256::check_spki("a site's signing key", &entry.sign_spki)?;
    Ok((SiteId::parse(site)?, entry))
}
