//! From the custodians' files to opened key epochs: one, or two while sites move over.

use std::sync::Arc;

use keymgmt_custody::Custody;

use crate::{
    clock::Clock,
    commands::Failure,
    config::Config,
    ready::Latch,
    service::{
        Appliance, Parts, Trust,
        epochs::{self, Epochs},
    },
    setup::{self, CustodyFiles},
};

/// The custodians' files of the next epoch.
pub(super) struct Next {
    config: Config,
    files: CustodyFiles,
    trust: Trust,
}

impl Next {
    pub(super) fn load(config: &Config, custody_key: &[u8]) -> Result<Option<Self>, Failure> {
        let Some(config) = config.of_next() else {
            return Ok(None);
        };
        let files = CustodyFiles::load(&config, custody_key)?;
        let trust = setup::trust(&config, custody_key)?;
        Ok(Some(Self {
            config,
            files,
            trust,
        }))
    }
}

/// Opens keys and stores of the epoch or epochs that are configured.
pub(super) fn open(
    config: &Config,
    (files, trust): (CustodyFiles, Trust),
    next: Option<Next>,
    clock: &Clock,
) -> Result<Epochs, Failure> {
    let custody = files.open(config)?;
    let Some(next) = next else {
        let latch = Latch::default();
        let appliance = assemble(config, custody, trust, (clock, latch))?;
        epochs::check_alone(appliance.store())?;
        return Ok(Epochs::one(appliance));
    };
    let next_custody = next.files.open(&next.config)?;
    setup::check_pseudonyms(&*custody, &*next_custody)?;
    // Whose conditions the metrics show is known only when the newer store is open.
    let store = setup::store(&next.config, next_custody.clone())?;
    let in_force = epochs::is_in_force(&store);
    let latches = |beside| {
        if beside {
            Latch::beside()
        } else {
            Latch::default()
        }
    };
    let older = assemble(config, custody, trust, (clock, latches(in_force)))?;
    let newer = Parts {
        scope: setup::scope(&next.config),
        origin: next.config.origin.clone(),
        settings: next.config.settings,
        scratch: next.config.scratch.clone(),
        custody: next_custody,
        store,
        before: Some(older.shared_store()),
        clock: clock.clone(),
        trust: next.trust,
        latch: latches(!in_force),
    };
    let newer = Arc::new(Appliance::new(newer)?);
    epochs::note_opened(older.store(), &newer)?;
    Ok(Epochs::two(older, newer))
}

fn assemble(
    config: &Config,
    custody: Arc<dyn Custody>,
    trust: Trust,
    (clock, latch): (&Clock, Latch),
) -> Result<Arc<Appliance>, Failure> {
    let store = setup::store(config, custody.clone())?;
    let parts = Parts {
        scope: setup::scope(config),
        origin: config.origin.clone(),
        settings: config.settings,
        scratch: config.scratch.clone(),
        custody,
        store,
        before: None,
        clock: clock.clone(),
        trust,
        latch,
    };
    Ok(Arc::new(Appliance::new(parts)?))
}
