//! The end of an epoch at this site: its secret is destroyed, and a signed statement says so.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use keymgmt_custody::{deletion::DeletionStatement, site::SiteKeys};
use linker_token::{CheckValue, Epoch, ProjectId};
use serde::{Deserialize, Serialize};

use super::{content, migrate, places, remove};
use crate::{
    config::Config,
    error::{AgentError, Fault},
    keys,
    limits::PACKAGE_BYTES_MAX,
    outbox::Outbox,
    receipt, say,
    state::{self, State},
};

const PLAN_BYTES_MAX: u64 = 4096;

/// What is being forgotten, written before anything is destroyed: the statement needs it, and a package that
/// is gone tells nothing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Forgetting {
    project: String,
    check_value: String,
}

/// Destroys the encoding secret of an epoch and writes the signed statement about it. Returns the statement
/// and its place. Whatever instant this is killed at, a repeat ends it.
///
/// # Errors
/// [`Fault::KeyInUse`] while something still needs the secret, [`Fault::NoPackage`] if there is none, or an
/// error of the disk.
pub fn forget(
    config: &Config,
    state: &State,
    (epoch, last): (Epoch, bool),
    now: u64,
) -> Result<(DeletionStatement, PathBuf), AgentError> {
    let keys = keys::load(config, state)?;
    migrate(config, state, &keys)?;
    let plan = match planned(state, epoch)? {
        Some(plan) => plan,
        None => plan(config, state, &keys, (epoch, last))?,
    };
    destroy(&state.package(epoch))?;
    let malformed = || AgentError::new(Fault::StateDamaged, "forgetting.json");
    let mut check = [0; 8];
    hex::decode_to_slice(&plan.check_value, &mut check)
        .map_err(|error| malformed().because(error))?;
    let statement = DeletionStatement {
        project: ProjectId::parse(&plan.project).map_err(|error| malformed().because(error))?,
        epoch,
        site: config.site.clone(),
        secret_check: CheckValue(check),
        deleted_unix_s: now,
    };
    let signed = keys
        .deletion_statement(&statement)
        .map_err(|error| AgentError::new(Fault::Internal, "deletion statement").because(error))?;
    let place = state.deletion(epoch);
    state::write_atomic(&place, signed.as_bytes())?;
    remove(&state.forgetting(epoch))?;
    Ok((statement, place))
}

fn planned(state: &State, epoch: Epoch) -> Result<Option<Forgetting>, AgentError> {
    let path = state.forgetting(epoch);
    let Some(bytes) = state::read_if_there(&path, PLAN_BYTES_MAX)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        AgentError::new(Fault::StateDamaged, path.display().to_string()).because(error)
    })
}

/// Every check, and then the note of what is to be destroyed.
fn plan(
    config: &Config,
    state: &State,
    keys: &SiteKeys,
    (epoch, last): (Epoch, bool),
) -> Result<Forgetting, AgentError> {
    if state.deletion(epoch).exists() {
        let detail = say!("it was destroyed before; the statement is in epochs");
        return Err(AgentError::new(Fault::NoPackage, detail));
    }
    let path = state.package(epoch);
    if !path.exists() {
        let detail = say!("there is none of key epoch {epoch}", epoch = epoch.0);
        return Err(AgentError::new(Fault::NoPackage, detail));
    }
    check_unused(state, epoch, last)?;
    // An expired package is destroyed all the same, and what it says tells what it was.
    let bytes = state::read_if_there(&path, PACKAGE_BYTES_MAX)?.unwrap_or_default();
    let content = content(config, keys, &bytes)?;
    let plan = Forgetting {
        project: content.project.to_string(),
        check_value: content.check.to_string(),
    };
    let bytes = serde_json::to_vec(&plan)
        .map_err(|error| AgentError::new(Fault::Internal, "JSON").because(error))?;
    state::write_atomic(&state.forgetting(epoch), &bytes)?;
    Ok(plan)
}

/// Refuses while sealed batches of the epoch wait, and while nothing was sent under a newer one. `last` is
/// the word of who ends the project: then there is no newer one.
fn check_unused(state: &State, epoch: Epoch, last: bool) -> Result<(), AgentError> {
    let in_use = |detail| Err(AgentError::new(Fault::KeyInUse, detail));
    let outbox = Outbox::look(state.outbox());
    for name in Outbox::waiting(&state.outbox())? {
        if outbox.head(&name)?.0.epoch == epoch {
            return in_use(say!(
                "sealed batches of key epoch {epoch} wait to be sent",
                epoch = epoch.0
            ));
        }
    }
    if last {
        return Ok(());
    }
    let kept = receipt::all_kept(state)?;
    let newer = places(state)?;
    let newer = newer.iter().filter_map(|(_, kept)| *kept).max();
    let moved = newer.is_some_and(|newer| newer > epoch)
        && kept.iter().any(|receipt| receipt.epoch > epoch.0);
    if moved {
        Ok(())
    } else {
        in_use(say!("nothing was sent under a newer key epoch yet"))
    }
}

/// Overwrites a file, waits for the disk, and removes it. A file that is not there is destroyed already.
fn destroy(path: &Path) -> Result<(), AgentError> {
    let failed = |error| AgentError::state(path.display().to_string(), error);
    let length = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let zeros = vec![0; usize::try_from(length.min(PACKAGE_BYTES_MAX)).unwrap_or(0)];
    let mut file = OpenOptions::new().write(true).open(path).map_err(failed)?;
    file.write_all(&zeros)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    remove(path)
}
