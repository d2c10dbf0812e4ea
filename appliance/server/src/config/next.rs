//! The second, newer key epoch of a configuration.
//!
//! Every epoch has a data folder, keys and an audit log of its own: nothing of one epoch is sealed under
//! keys of the other, so the old one can be destroyed whole. What the two share stands once.

use std::path::{Path, PathBuf};

use keymgmt_custody::enrolment::log_of_epoch;
use linker_token::{Epoch, Schema};

use super::{
    Config, ConfigError,
    raw::{RawLinkage, RawNext, RawService},
    schema_of,
};

/// What differs between the epoch of `[linkage]` and the next one.
#[derive(Debug, Clone)]
pub struct NextEpoch {
    /// The key epoch.
    pub epoch: Epoch,
    /// The schema.
    pub schema: Schema,
    /// The signed enrolment.
    pub enrolment: PathBuf,
    /// The signed inventory of its keys, in the same token.
    pub inventory: PathBuf,
    /// Folder of its store.
    pub data: PathBuf,
}

pub(super) fn resolve(
    raw: RawNext,
    linkage: &RawLinkage,
    service: &RawService,
    (schema, folder): (&Schema, &Path),
) -> Result<NextEpoch, ConfigError> {
    if raw.epoch <= linkage.epoch {
        let rule = "it is a later epoch than linkage.epoch";
        return Err(ConfigError::rule("next.epoch", rule));
    }
    let data = folder.join(&raw.data);
    if data == folder.join(&service.data) {
        let rule = "each epoch has a data folder of its own";
        return Err(ConfigError::rule("next.data", rule));
    }
    let schema = match raw.schema {
        Some(text) => schema_of("next.schema", &text, folder)?,
        None => schema.clone(),
    };
    Ok(NextEpoch {
        epoch: Epoch(raw.epoch),
        schema,
        enrolment: folder.join(raw.enrolment),
        inventory: folder.join(raw.inventory),
        data,
    })
}

impl Config {
    /// The configuration of the next epoch alone, as if it stood in `[linkage]`.
    #[must_use]
    pub fn of_next(&self) -> Option<Self> {
        let next = self.next.clone()?;
        let mut config = self.clone();
        config.next = None;
        config.origin = log_of_epoch(&self.origin, next.epoch);
        config.scratch = next.data.join("scratch");
        config.data = next.data;
        config.epoch = next.epoch;
        config.schema = next.schema;
        config.enrolment = next.enrolment;
        config.hsm.inventory = next.inventory;
        Some(config)
    }
}
