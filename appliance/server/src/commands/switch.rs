//! `appliance switch-epoch`: the next key epoch comes into force, once, and both logs say so.

use std::{collections::BTreeSet, path::Path};

use serde_json::json;

use crate::{
    clock::Clock,
    commands::{Failure, print, status},
    config::Config,
    error::ServiceError,
    service::{
        epochs::{self, is_in_force},
        moving::SiteMove,
        revocation,
    },
    setup::{self, CustodyFiles},
};

pub(super) fn switch(path: &Path, without: &[String], as_json: bool) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let next = config.of_next().ok_or_else(|| {
        let what = "the configuration names no next key epoch";
        Failure::new("NO_NEXT_EPOCH", 64, what, "fill in the section [next]")
    })?;
    let custody_key = setup::custody_key(&config)?;
    let custody = CustodyFiles::load(&config, &custody_key)?.open(&config)?;
    let next_custody = CustodyFiles::load(&next, &custody_key)?.open(&next)?;
    setup::check_pseudonyms(&*custody, &*next_custody)?;
    let older = setup::store(&config, custody)?;
    let newer = setup::store(&next, next_custody)?;
    epochs::check_begun(&older)?;
    // A site that the custodians revoked must not come back with the epoch.
    revocation::check_list(&older, &setup::trust(&next, &custody_key)?.enrolment)?;
    let done = is_in_force(&newer);
    let moves = epochs::moves(&older, &newer)?;
    if !done {
        check(&moves, without)?;
        let now = Clock::System.now();
        revocation::carry_over(&older, &newer, now)?;
        epochs::put_in_force((&older, &newer), now, &moves, without)?;
    }
    let object = json!({
        "result": if done { "repeated" } else { "done" },
        "epoch": next.epoch.0,
        "former_epoch": config.epoch.0,
        "log": next.origin,
        "without": without,
        "sites": status::moves(&moves),
    });
    if as_json {
        return print(&object.to_string());
    }
    let what = if done {
        "is in force already"
    } else {
        "is in force"
    };
    print(&format!(
        "key epoch {} {what}; start the service again",
        next.epoch
    ))
}

/// Every site that is missing must be named, and nothing else may be: a mistyped name is no consent.
fn check(moves: &[SiteMove], without: &[String]) -> Result<(), Failure> {
    let known: BTreeSet<&str> = moves.iter().map(|site| site.site.as_str()).collect();
    if let Some(unknown) = without.iter().find(|site| !known.contains(site.as_str())) {
        let what = format!("no site {unknown} has sent anything");
        return Err(Failure::usage(&what));
    }
    let missing: Vec<&str> = moves
        .iter()
        .filter(|site| site.is_missing() && !without.contains(&site.site))
        .map(|site| site.site.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let error = ServiceError::SitesMissing {
        count: missing.len(),
        sites: missing.join(", "),
    };
    Err(error.into())
}
