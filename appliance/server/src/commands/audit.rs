//! `appliance audit`.

use std::{io::Write as _, path::Path, sync::Arc};

use appliance_store::Store;
use keymgmt_custody::{Custody, audit::Checkpoint};

use crate::{
    commands::{Failure, print},
    config::Config,
    setup::{self, CustodyFiles},
};

/// Verifies every row, file and entry of the store, and its log against a signed checkpoint.
pub(super) fn verify(config: &Path) -> Result<(), Failure> {
    let log = Opened::open(config)?;
    log.store.verify()?;
    let (_, signed) = log.checkpoint()?;
    let root = hex::encode(signed.root);
    print(&format!(
        "verified {} entries of {}, root {root}",
        signed.size, log.config.origin
    ))
}

/// Prints an entry with its proof.
pub(super) fn prove(config: &Path, index: u64) -> Result<(), Failure> {
    let log = Opened::open(config)?;
    let entry = log.store.audit_entry(index)?;
    let (checkpoint, signed) = log.checkpoint()?;
    let proof = log.store.inclusion_proof(index, signed.size)?;
    let object = serde_json::json!({
        "origin": log.config.origin,
        "index": index,
        "entry": entry,
        "checkpoint": checkpoint,
        "inclusion_proof": proof.iter().map(hex::encode).collect::<Vec<_>>(),
        "audit_key": hex::encode(log.custody.audit_public_key()),
    });
    print(&object.to_string())
}

/// Writes the whole log.
pub(super) fn export(config: &Path) -> Result<(), Failure> {
    let log = Opened::open(config)?;
    let mut out = std::io::stdout().lock();
    log.store.export(&mut out)?;
    out.flush().map_err(|error| Failure::output(&error))
}

/// A store that was opened for reading only, with its token.
struct Opened {
    config: Config,
    custody: Arc<dyn Custody>,
    store: Store,
}

impl Opened {
    fn open(path: &Path) -> Result<Self, Failure> {
        let config = Config::load(path)?;
        let custody_key = setup::custody_key(&config)?;
        let custody = CustodyFiles::load(&config, &custody_key)?.open(&config)?;
        let store = setup::store_read_only(&config, custody.clone())?;
        Ok(Self {
            config,
            custody,
            store,
        })
    }

    /// A checkpoint that the token signs over the log as it is, as text and verified.
    fn checkpoint(&self) -> Result<(String, Checkpoint), Failure> {
        let note = self.store.checkpoint()?;
        let key = self.custody.audit_public_key();
        let signed = Checkpoint::verify(&note, &self.config.origin, key)?;
        Ok((note, signed))
    }
}
