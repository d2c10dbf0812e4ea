//! What a folder holds before a ceremony, and the plan for it.

use std::path::Path;

use crate::{
    clock::{Clock, utc},
    environment::Environment,
    error::CeremonyError,
    folder,
    journal::Journal,
    plan::{Action, Fact, State, plan},
    recipe::{Recipe, Step},
    start::TRANSCRIPT,
    transcript,
};

/// The actions that a recipe comes to in a folder, which is only looked at.
pub(crate) fn plan_for(
    recipe: &Recipe,
    environment: &Environment,
    out: &Path,
    clock: Clock,
) -> Result<Vec<Action>, CeremonyError> {
    planned(recipe, environment, out, clock).map(|(_, plan)| plan)
}

/// The folder's state and the plan for it.
pub(super) fn planned(
    recipe: &Recipe,
    environment: &Environment,
    out: &Path,
    clock: Clock,
) -> Result<(Journal, Vec<Action>), CeremonyError> {
    let fresh = recipe.steps.contains(&Step::Generate);
    let before = if fresh {
        fresh_journal(recipe, environment, out)?
    } else {
        closed_journal(recipe, out, clock)?
    };
    let plan = plan(recipe, &state(&before, environment, fresh)?)?;
    Ok((before, plan))
}

/// A folder for new keys must not hold a record yet.
fn fresh_journal(
    recipe: &Recipe,
    environment: &Environment,
    out: &Path,
) -> Result<Journal, CeremonyError> {
    let transcript = out.join(TRANSCRIPT);
    if transcript.exists() {
        return Err(CeremonyError::Exists { path: transcript });
    }
    if !recipe.steps.contains(&Step::TokenInit) && environment.previous.is_none() {
        return Err(CeremonyError::Plan {
            step: Step::Generate.name(),
            rule: "the recipe has no token-init, and the environment names no `previous` folder",
        });
    }
    Ok(Journal::empty(
        recipe.project.as_str(),
        recipe.epoch.0,
        &recipe.schema_name,
    ))
}

/// A folder that has its keys must be closed, and for the recipe's project, epoch and schema.
fn closed_journal(recipe: &Recipe, out: &Path, clock: Clock) -> Result<Journal, CeremonyError> {
    let path = out.join(TRANSCRIPT);
    if !path.exists() {
        // An empty folder: the planner says what is missing.
        return Ok(Journal::empty(
            recipe.project.as_str(),
            recipe.epoch.0,
            &recipe.schema_name,
        ));
    }
    let csk = match folder::read_bytes(&out.join("csk.spki")) {
        Err(CeremonyError::File { .. }) => None,
        csk => Some(csk?),
    };
    let summary = transcript::walk(&path, csk.as_deref())?;
    let journal = Journal::load(out, summary.journal.as_deref())?;
    if !summary.closed && !journal.aborted {
        return Err(CeremonyError::Open {
            rule: "its last ceremony was not finished",
        });
    }
    check_clock(clock, &summary.last_utc)?;
    let same = journal.project == recipe.project.as_str()
        && journal.epoch == recipe.epoch.0
        && journal.schema == recipe.schema_name;
    if same {
        Ok(journal)
    } else {
        Err(CeremonyError::WrongFolder {
            rule: "the recipe is for another project, epoch or schema",
        })
    }
}

/// Refuses a clock that is behind the record: what follows would seem to have come first.
pub(crate) fn check_clock(clock: Clock, last: &str) -> Result<(), CeremonyError> {
    let now = utc(clock());
    // Both are RFC 3339 in UTC with four digits of the year, so their order is that of time.
    if now.as_str() < last {
        return Err(CeremonyError::ClockBack {
            now,
            last: last.to_owned(),
        });
    }
    Ok(())
}

pub(crate) fn state(
    journal: &Journal,
    environment: &Environment,
    fresh: bool,
) -> Result<State, CeremonyError> {
    let mut state = journal.state(!environment.profile.is_test())?;
    if fresh && environment.previous.is_some() {
        state.facts.insert(Fact::Tokens);
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_behind_the_record_is_refused() {
        let clock: Clock = || 1_700_000_000;
        check_clock(clock, "2023-11-14T22:13:20Z").expect("the same second");
        check_clock(clock, "").expect("no line yet");
        let refused = check_clock(clock, "2023-11-14T22:13:21Z").expect_err("one second back");
        assert_eq!(refused.code(), "CLOCK_BACK");
        assert!(
            refused.to_string().contains("2023-11-14T22:13:20Z"),
            "{refused}"
        );
    }
}
