//! The journal: the state of a folder's keys after every finished action.
//!
//! Its digest stands in the transcript, so journal and transcript vouch for each other, and once the
//! transcript is closed, the custody signing key vouches for both. A new state is written beside the old
//! one, named in the transcript, and then put in its place: whenever the power fails, one of the two files
//! is the one that the transcript names.

mod records;

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::{
    inventory::{KeyEntry, KeyProof},
    pkcs11::TokenFacts,
};
use linker_token::SiteId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(crate) use records::{
    BackupRecord, CustodianRecord, KeyRecord, PackageRecord, ProofRecord, RestoredRecord,
    SiteRecord, TokenRecord, unhex,
};

use crate::{
    error::CeremonyError,
    folder,
    limits::JOURNAL_BYTES_MAX,
    plan::{Fact, State, Which},
};

const KIND: &str = "musubi/journal/v1";
pub(crate) const FILE: &str = "journal.json";
const NEXT: &str = "journal.next";

/// What is known after the last finished action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    pub(crate) kind: String,
    pub(crate) mode: String,
    /// How many ceremonies this folder has seen, this one included.
    pub(crate) ceremony: u32,
    pub(crate) project: String,
    pub(crate) epoch: u32,
    pub(crate) schema: String,
    pub(crate) recipe_sha256: String,
    pub(crate) environment_sha256: String,
    /// A rehearsal without questions.
    pub(crate) silent: bool,
    /// The ceremony's actions, in order.
    pub(crate) actions: Vec<String>,
    /// How many of them are finished.
    pub(crate) done: usize,
    pub(crate) aborted: bool,
    pub(crate) tokens: BTreeMap<String, TokenRecord>,
    pub(crate) keys: Vec<KeyRecord>,
    pub(crate) backup: Option<BackupRecord>,
    pub(crate) sites: BTreeMap<String, SiteRecord>,
    /// Copies of the encoding secret that drills left in other tokens.
    pub(crate) restored: Vec<RestoredRecord>,
    pub(crate) drilled_unix_s: Option<u64>,
    pub(crate) destroyed_unix_s: Option<u64>,
}

impl Journal {
    /// The state of an empty folder.
    pub(crate) fn empty(project: &str, epoch: u32, schema: &str) -> Self {
        Self {
            kind: KIND.to_owned(),
            mode: String::new(),
            ceremony: 0,
            project: project.to_owned(),
            epoch,
            schema: schema.to_owned(),
            recipe_sha256: String::new(),
            environment_sha256: String::new(),
            silent: false,
            actions: Vec::new(),
            done: 0,
            aborted: false,
            tokens: BTreeMap::new(),
            keys: Vec::new(),
            backup: None,
            sites: BTreeMap::new(),
            restored: Vec::new(),
            drilled_unix_s: None,
            destroyed_unix_s: None,
        }
    }

    /// Writes the state beside the old one and returns its digest, which the transcript is to name.
    pub(crate) fn write_next(&self, out: &Path) -> Result<String, CeremonyError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| CeremonyError::File {
            operation: "write",
            path: out.join(NEXT),
            source: error.into(),
        })?;
        folder::replace(&out.join(NEXT), text.as_bytes())?;
        Ok(hex::encode(Sha256::digest(&text)))
    }

    /// Puts the state in the place of the old one.
    pub(crate) fn commit(out: &Path) -> Result<(), CeremonyError> {
        folder::put(&out.join(NEXT), &out.join(FILE))
    }

    /// Reads the state that the transcript names; a state that was written and named, but not yet put in its
    /// place, is put there now.
    pub(crate) fn load(out: &Path, named: Option<&str>) -> Result<Self, CeremonyError> {
        let rule = "its journal is not the one that its transcript names";
        let named = named.ok_or(CeremonyError::WrongFolder { rule })?;
        for (name, next) in [(FILE, false), (NEXT, true)] {
            let path = out.join(name);
            if !path.exists() {
                continue;
            }
            let text = folder::read_text(&path, JOURNAL_BYTES_MAX)?;
            if hex::encode(Sha256::digest(&text)) != named {
                continue;
            }
            if next {
                Self::commit(out)?;
            }
            let journal = serde_json::from_str::<Self>(&text).ok();
            let journal = journal.filter(|journal| journal.kind == KIND);
            return journal.ok_or(CeremonyError::WrongFolder {
                rule: "its journal was made by another version of this program",
            });
        }
        Err(CeremonyError::WrongFolder { rule })
    }

    /// What the planner needs.
    pub(crate) fn state(&self, production: bool) -> Result<State, CeremonyError> {
        let mut state = State {
            production,
            ..State::default()
        };
        let facts = [
            (Fact::Tokens, self.tokens.len() == 2),
            (Fact::Keys, self.entry(Which::Custody, "lek").is_ok()),
            (Fact::Backup, self.backup.is_some()),
            (Fact::Drilled, self.drilled_unix_s.is_some()),
            (Fact::Destroyed, self.destroyed_unix_s.is_some()),
        ];
        let true_ones = facts.into_iter().filter(|(_, is)| *is);
        state.facts = true_ones.map(|(fact, _)| fact).collect();
        if self.destroyed_unix_s.is_some() {
            state.facts.insert(Fact::Keys);
        }
        for (name, site) in &self.sites {
            let site_id = SiteId::parse(name).map_err(keymgmt_custody::CustodyError::from)?;
            if site.revoked_unix_s.is_some() {
                state.revoked.insert(site_id);
                continue;
            }
            if site.package.is_some() {
                state.issued.insert(site_id.clone());
            }
            state.enrolled.insert(site_id);
        }
        let custodians = self.backup.iter().flat_map(|backup| &backup.custodians);
        state.custodians = custodians.map(|one| one.name.clone()).collect();
        Ok(state)
    }

    /// Notes a key of a token.
    pub(crate) fn add_key(&mut self, which: Which, key: &KeyEntry, adopted: bool) {
        let proof = match &key.proof {
            KeyProof::Secret(check) => ProofRecord::Secret(check.to_string()),
            KeyProof::P256(spki) => ProofRecord::P256(STANDARD.encode(spki)),
            KeyProof::Rsa(spki) => ProofRecord::Rsa(STANDARD.encode(spki)),
        };
        self.keys.push(KeyRecord {
            token: which.name().to_owned(),
            name: key.name.clone(),
            id: key.id.to_string(),
            proof,
            ceremony: self.ceremony,
            adopted,
        });
    }

    /// Forgets a key, because it was destroyed.
    pub(crate) fn remove_key(&mut self, which: Which, name: &str) {
        self.keys
            .retain(|key| key.token != which.name() || key.name != name);
    }

    /// One key of a token.
    pub(crate) fn entry(&self, which: Which, name: &str) -> Result<KeyEntry, CeremonyError> {
        let mut keys = self.keys.iter();
        let found = keys.find(|key| key.token == which.name() && key.name == name);
        let missing = || keymgmt_custody::CustodyError::KeyMissing {
            name: name.to_owned(),
        };
        found.ok_or_else(missing)?.entry()
    }

    /// All keys of a token, in the order in which they were made.
    pub(crate) fn entries(&self, which: Which) -> Result<Vec<KeyEntry>, CeremonyError> {
        let keys = self.keys.iter().filter(|key| key.token == which.name());
        keys.map(KeyRecord::entry).collect()
    }

    /// Notes a token.
    pub(crate) fn add_token(&mut self, which: Which, facts: &TokenFacts) {
        let record = TokenRecord {
            label: facts.label.clone(),
            serial: facts.serial.clone(),
        };
        self.tokens.insert(which.name().to_owned(), record);
    }
}

#[cfg(test)]
#[path = "journal/tests.rs"]
mod tests;
