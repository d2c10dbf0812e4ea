//! `status`: what the state folder holds. Reads only, beside a run that may be under way.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use crate::{
    config::Config,
    error::AgentError,
    keys,
    messages::count,
    outbox::Outbox,
    receipt::{all_kept, last_seen},
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
    /// IDs of sealed batches that wait.
    outbox: Vec<String>,
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
    let opened = if state.package().exists() {
        let opened = keys::load(&state)
            .and_then(|keys| keys::accepted(config, &state, &keys, now.as_secs()));
        Some(opened)
    } else {
        None
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
        receipts: kept.len(),
        rows_admitted: sum(|kept| kept.rows_admitted),
        rows_quarantined: sum(|kept| kept.rows_quarantined),
        checkpoint: last_seen(&state)?.map(|seen| Checkpoint {
            origin: seen.origin,
            size: seen.size,
        }),
    })
}

impl Status {
    pub(super) fn text(&self) -> String {
        let mut out = format!("site {}\n", self.site);
        let keys = self.fingerprint.as_deref().unwrap_or("none");
        let _infallible = writeln!(out, "request {keys}");
        let _infallible = match &self.package {
            Some(package) => writeln!(
                out,
                "package project {}, epoch {}, check {}",
                package.project, package.epoch, package.check_value
            ),
            None => writeln!(out, "package {}", self.package_state),
        };
        let _infallible = writeln!(
            out,
            "waiting {}",
            count(self.outbox.len() as u64, "sealed batch", "sealed batches")
        );
        let _infallible = writeln!(
            out,
            "received {}: {} admitted, {} quarantined",
            count(self.receipts as u64, "receipt", "receipts"),
            count(self.rows_admitted, "row", "rows"),
            self.rows_quarantined
        );
        let _infallible = match &self.checkpoint {
            Some(seen) => writeln!(out, "checkpoint {} at {} entries", seen.origin, seen.size),
            None => writeln!(out, "checkpoint none"),
        };
        out
    }
}
