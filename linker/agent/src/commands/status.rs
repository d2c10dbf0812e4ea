//! `status`: what the state folder holds. Reads only, beside a run that may be under way.

use std::time::Duration;

use serde::Serialize;

use crate::{
    columns::aligned,
    config::Config,
    error::AgentError,
    keys,
    language::Language,
    outbox::{self, Outbox},
    packages,
    receipt::{all_kept, last_seen},
    say,
    say::Noun,
    state::State,
};

/// The state of a site's agent.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    site: String,
    /// Fingerprint of the enrolment request, once there are keys.
    fingerprint: Option<String>,
    /// `none`, `ok`, or the code of what is wrong with it.
    package_state: &'static str,
    package: Option<Package>,
    /// Earlier key epochs whose packages are kept as well.
    older_epochs: Vec<u32>,
    /// Key epochs whose keys were destroyed here.
    forgotten_epochs: Vec<u32>,
    /// IDs of sealed batches that wait.
    outbox: Vec<String>,
    /// What they take on the disk.
    outbox_bytes: u64,
    receipts: usize,
    rows_admitted: u64,
    rows_quarantined: u64,
    checkpoint: Option<Checkpoint>,
}

#[derive(Debug, Serialize)]
struct Package {
    project: String,
    epoch: u32,
    schema_digest: String,
    check_value: String,
    expires_unix_s: u64,
}

#[derive(Debug, Serialize)]
struct Checkpoint {
    origin: String,
    size: u64,
}

/// Looks at the state folder.
pub(super) fn of(config: &Config, now: Duration) -> Result<Status, AgentError> {
    let state = State::look(&config.state);
    let fingerprint = keys::read_request(&state)
        .ok()
        .map(|request| request.fingerprint());
    let opened = if packages::any(&state)? {
        let opened = keys::load(config, &state)
            .and_then(|keys| packages::all(config, &state, &keys, now.as_secs()));
        Some(opened)
    } else {
        None
    };
    let older = opened.iter().flatten().flat_map(|all| all.iter().skip(1));
    let older = older.map(|package| package.content().epoch.0).collect();
    let opened = opened.map(|opened| opened.map(|mut all| all.swap_remove(0)));
    let epoch = match &opened {
        Some(Ok(package)) => Some(package.content().epoch),
        Some(Err(_)) | None => None,
    };
    let package_state = match &opened {
        None => "none",
        Some(Ok(_)) => "ok",
        Some(Err(error)) => error.code(),
    };
    let package = opened.and_then(Result::ok).map(|opened| {
        let content = opened.content();
        Package {
            project: content.project.to_string(),
            epoch: content.epoch.0,
            schema_digest: content.schema.to_string(),
            check_value: content.check.to_string(),
            expires_unix_s: content.expires_unix_s,
        }
    });
    let kept = all_kept(&state)?;
    let sum = |rows: fn(&crate::receipt::Kept) -> u32| {
        kept.iter().map(|kept| u64::from(rows(kept))).sum()
    };
    Ok(Status {
        site: config.site.to_string(),
        fingerprint,
        package_state,
        package,
        outbox: Outbox::waiting(&state.outbox())?,
        outbox_bytes: outbox::bytes(&state.outbox())?,
        receipts: kept.len(),
        rows_admitted: sum(|kept| kept.rows_admitted),
        rows_quarantined: sum(|kept| kept.rows_quarantined),
        older_epochs: older,
        forgotten_epochs: packages::forgotten(&state)?,
        checkpoint: match epoch {
            Some(epoch) => last_seen(&state, epoch)?,
            None => None,
        }
        .map(|seen| Checkpoint {
            origin: seen.origin,
            size: seen.size,
        }),
    })
}

impl Status {
    pub(super) fn text(&self, language: Language) -> String {
        let request = match &self.fingerprint {
            Some(fingerprint) => say!("request {fingerprint}", fingerprint = fingerprint),
            None => say!("request none"),
        };
        let package = match &self.package {
            Some(package) => say!(
                "package project {project}, epoch {epoch}, check {check}",
                project = &package.project,
                epoch = package.epoch,
                check = &package.check_value
            ),
            None if self.package_state == "none" => say!("package {state}", state = say!("none")),
            None => say!("package {state}", state = self.package_state),
        };
        let received = say!(
            "received {receipts}: {admitted} admitted, {quarantined} quarantined",
            receipts = Noun::Receipts.count(self.receipts as u64),
            admitted = Noun::Rows.count(self.rows_admitted),
            quarantined = Noun::BareRows.count(self.rows_quarantined)
        );
        let waiting = Noun::SealedBatches.count(self.outbox.len() as u64);
        let checkpoint = match &self.checkpoint {
            Some(seen) => say!(
                "checkpoint {origin} at {size} entries",
                origin = &seen.origin,
                size = seen.size
            ),
            None => say!("checkpoint none"),
        };
        let mut lines = vec![say!("site {site}", site = &self.site), request, package];
        let older = self.older_epochs.iter();
        lines.extend(older.map(|epoch| say!("key epoch {epoch} is kept too", epoch = *epoch)));
        let gone = self.forgotten_epochs.iter();
        lines.extend(gone.map(|epoch| say!("key epoch {epoch} was destroyed", epoch = *epoch)));
        lines.extend([
            say!("waiting {batches}", batches = waiting),
            received,
            checkpoint,
        ]);
        let lines: String = lines.iter().map(|line| line.line(language)).collect();
        aligned(&lines)
    }
}
