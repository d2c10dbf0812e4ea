//! A site's statement that it destroyed the encoding secret of one epoch.
//!
//! Nobody can prove that no copy is left. The statement makes it a signed fact who said so and when, which
//! is what the custodians need before they write that an epoch is destroyed.

use linker_token::{CheckValue, Epoch, ProjectId, SiteId};

use crate::{
    error::CustodyError,
    note::{self, Lines},
    site::SiteKeys,
};

const KIND: &str = "musubi/deletion/v1";
const WHAT: &str = "a deletion statement";

/// What a site says about a secret that it destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionStatement {
    /// For which project the secret was.
    pub project: ProjectId,
    /// For which epoch.
    pub epoch: Epoch,
    /// Who destroyed it.
    pub site: SiteId,
    /// The secret's check value.
    pub secret_check: CheckValue,
    /// Seconds since 1970 at which nothing of it was left, by the site's clock.
    pub deleted_unix_s: u64,
}

impl DeletionStatement {
    /// The site that a statement names, before its signature is verified: only to find the key that must
    /// have signed it.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
    pub fn claimed_site(signed: &str) -> Result<SiteId, CustodyError> {
        Self::parse(note::unverified_text(WHAT, signed)?).map(|statement| statement.site)
    }

    /// Reads a statement and verifies the signature of the named site's enrolled key.
    ///
    /// # Errors
    /// [`CustodyError::BadSignature`], [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
    pub fn parse_verified(signed: &str, sign_spki: &[u8]) -> Result<Self, CustodyError> {
        let site = Self::claimed_site(signed)?;
        Self::parse(note::open(WHAT, signed, site.as_str(), sign_spki)?)
    }

    fn parse(text: &str) -> Result<Self, CustodyError> {
        let mut lines = Lines::new(WHAT, KIND, text)?;
        let statement = Self {
            project: ProjectId::parse(lines.value("project")?)?,
            epoch: Epoch(lines.number("epoch")?),
            site: SiteId::parse(lines.value("site")?)?,
            secret_check: CheckValue(lines.hex("check")?),
            deleted_unix_s: lines.number("deleted")?,
        };
        lines.finish()?;
        Ok(statement)
    }

    fn to_text(&self) -> String {
        format!(
            "{KIND}\nproject {}\nepoch {}\nsite {}\ncheck {}\ndeleted {}\n",
            self.project, self.epoch, self.site, self.secret_check, self.deleted_unix_s
        )
    }
}

impl SiteKeys {
    /// Signs a statement with the site's key.
    ///
    /// # Errors
    /// [`CustodyError`] from the signer.
    pub fn deletion_statement(
        &self,
        statement: &DeletionStatement,
    ) -> Result<String, CustodyError> {
        self.sign_note(&statement.to_text(), &statement.site)
    }
}
