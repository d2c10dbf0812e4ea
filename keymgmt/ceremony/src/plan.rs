//! The planner: a recipe and the state of the folder become the list of actions. Nothing here touches a
//! file, a token or a clock.
//!
//! A step of the recipe is what people agree on; an action is what can be done or not done when the power
//! fails. The state is written after every action.

mod action;

use std::collections::BTreeSet;

use linker_token::SiteId;

pub(crate) use action::{Action, KEYS, Which};

use crate::{
    error::CeremonyError,
    recipe::{Recipe, Step},
};

/// What is true of a folder, as far as steps need it or forbid it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// Both tokens were initialised for this folder, or an earlier epoch's are used.
    Tokens,
    /// The epoch's keys exist.
    Keys,
    /// The encoding secret has a backup.
    Backup,
    /// A restored key had the right check value.
    Drilled,
    /// The epoch's keys were destroyed.
    Destroyed,
}

impl Fact {
    fn missing(self) -> &'static str {
        match self {
            Self::Tokens => "the tokens are not initialised",
            Self::Keys => "the epoch has no keys yet",
            Self::Backup => "the encoding secret has no backup",
            Self::Drilled => "no restore drill is on record",
            Self::Destroyed => "the epoch is not destroyed",
        }
    }

    fn present(self) -> &'static str {
        match self {
            Self::Tokens => "the tokens are initialised already",
            Self::Keys => "the epoch has its keys already",
            Self::Backup => "the encoding secret has a backup already",
            Self::Drilled => "a restore drill is on record already",
            Self::Destroyed => "the epoch is destroyed",
        }
    }
}

/// What the planner knows of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) facts: BTreeSet<Fact>,
    /// Sites whose key is imported.
    pub(crate) enrolled: BTreeSet<SiteId>,
    /// Sites that have a package.
    pub(crate) issued: BTreeSet<SiteId>,
    /// Sites that were revoked.
    pub(crate) revoked: BTreeSet<SiteId>,
    /// Custodians of the present backup key.
    pub(crate) custodians: BTreeSet<String>,
    /// Production: a package leaves only after a restore drill.
    pub(crate) production: bool,
}

/// Turns a recipe into actions, or says which step cannot be done in this folder and why.
pub(crate) fn plan(recipe: &Recipe, state: &State) -> Result<Vec<Action>, CeremonyError> {
    let mut state = state.clone();
    let mut actions = Vec::new();
    for (index, step) in recipe.steps.iter().enumerate() {
        check_needs(*step, &state)?;
        check_sites(*step, recipe, &state)?;
        expand(*step, recipe, &state, &mut actions);
        // An encoding secret without a backup is one broken device away from nothing, so the backup
        // follows at once where the recipe names none.
        if *step == Step::Generate && !recipe.steps[index..].contains(&Step::Backup) {
            let at = actions.iter().position(|action| *action == LEK);
            actions.insert(at.map_or(actions.len(), |at| at + 1), Action::Backup);
            state.facts.insert(Fact::Backup);
        }
        apply(*step, recipe, &mut state);
    }
    if state.facts.contains(&Fact::Keys) && !state.facts.contains(&Fact::Backup) {
        return Err(refuse(Step::Generate, Fact::Backup.missing()));
    }
    actions.push(Action::Publish);
    Ok(actions)
}

const LEK: Action = Action::Generate(Which::Custody, "lek");

fn check_needs(step: Step, state: &State) -> Result<(), CeremonyError> {
    let (mut needs, forbids): (Vec<Fact>, &[Fact]) = match step {
        Step::TokenInit => (vec![], &[Fact::Tokens, Fact::Keys]),
        Step::Generate => (vec![Fact::Tokens], &[Fact::Keys]),
        Step::Backup => (vec![Fact::Keys], &[Fact::Backup, Fact::Destroyed]),
        Step::EnrolSite | Step::Rotate => (vec![Fact::Keys], &[Fact::Destroyed]),
        Step::Issue | Step::Restore | Step::Reshare | Step::Handover => {
            (vec![Fact::Keys, Fact::Backup], &[Fact::Destroyed])
        }
        Step::RevokeSite => (vec![Fact::Keys], &[Fact::Destroyed]),
        Step::Destroy => (vec![Fact::Keys, Fact::Drilled], &[Fact::Destroyed]),
    };
    if step == Step::Issue && state.production {
        needs.push(Fact::Drilled);
    }
    for need in needs {
        if !state.facts.contains(&need) {
            return Err(refuse(step, need.missing()));
        }
    }
    for forbidden in forbids {
        if state.facts.contains(forbidden) {
            return Err(refuse(step, forbidden.present()));
        }
    }
    Ok(())
}

fn check_sites(step: Step, recipe: &Recipe, state: &State) -> Result<(), CeremonyError> {
    let every = |sites: &[SiteId], good: &dyn Fn(&SiteId) -> bool, rule: &'static str| {
        if sites.iter().all(good) {
            Ok(())
        } else {
            Err(refuse(step, rule))
        }
    };
    let enrolled = |site: &SiteId| state.enrolled.contains(site);
    let issued = |site: &SiteId| state.issued.contains(site);
    match step {
        Step::EnrolSite => every(
            &recipe.sites,
            &|site| !enrolled(site) && !state.revoked.contains(site),
            "a site of the recipe is enrolled already, or was revoked",
        ),
        Step::Issue => {
            let rule = "a site of the recipe has no imported key";
            every(&recipe.sites, &enrolled, rule)?;
            let rule = "a site of the recipe has its package already";
            every(&recipe.sites, &|site| !issued(site), rule)
        }
        Step::RevokeSite => every(
            &recipe.revoke,
            &issued,
            "a site to be revoked never had a package, or was revoked before",
        ),
        Step::Reshare | Step::Handover => {
            let same =
                recipe.custodians.iter().cloned().collect::<BTreeSet<_>>() == state.custodians;
            match (step == Step::Reshare, same) {
                (true, false) => Err(refuse(step, "the custodians change, which is a handover")),
                (false, true) => Err(refuse(step, "no custodian changes, which is a reshare")),
                (true, true) | (false, false) => Ok(()),
            }
        }
        Step::TokenInit
        | Step::Generate
        | Step::Backup
        | Step::Restore
        | Step::Rotate
        | Step::Destroy => Ok(()),
    }
}

fn expand(step: Step, recipe: &Recipe, state: &State, actions: &mut Vec<Action>) {
    match step {
        Step::TokenInit => {
            actions.extend([Which::Custody, Which::Appliance].map(Action::TokenInit));
        }
        Step::Generate => {
            let fresh = actions.contains(&Action::TokenInit(Which::Custody));
            if !fresh {
                actions.push(Action::Adopt);
            }
            let made = KEYS.iter().filter(|(.., kept)| fresh || !kept);
            actions.extend(made.map(|(which, key, _)| Action::Generate(*which, key)));
        }
        Step::Backup => actions.push(Action::Backup),
        Step::EnrolSite => actions.extend(recipe.sites.iter().cloned().map(Action::EnrolSite)),
        Step::Issue => actions.extend(recipe.sites.iter().cloned().map(Action::Issue)),
        Step::Restore => actions.push(Action::Restore),
        Step::RevokeSite => actions.extend(recipe.revoke.iter().cloned().map(Action::RevokeSite)),
        Step::Rotate => actions.extend(recipe.rotate.iter().copied().map(Action::Rotate)),
        Step::Reshare | Step::Handover => actions.push(Action::Reshare),
        Step::Destroy => actions.push(Action::Destroy),
    }
    debug_assert!(
        !state.facts.contains(&Fact::Destroyed),
        "nothing follows a destruction"
    );
}

fn apply(step: Step, recipe: &Recipe, state: &mut State) {
    match step {
        Step::TokenInit => drop(state.facts.insert(Fact::Tokens)),
        Step::Generate => {
            state.facts.insert(Fact::Keys);
            state.custodians = recipe.custodians.iter().cloned().collect();
        }
        Step::Backup => drop(state.facts.insert(Fact::Backup)),
        Step::EnrolSite => state.enrolled.extend(recipe.sites.iter().cloned()),
        Step::Issue => state.issued.extend(recipe.sites.iter().cloned()),
        Step::Restore => drop(state.facts.insert(Fact::Drilled)),
        Step::RevokeSite => {
            for site in &recipe.revoke {
                state.issued.remove(site);
                state.enrolled.remove(site);
                state.revoked.insert(site.clone());
            }
        }
        Step::Rotate => {}
        Step::Reshare | Step::Handover => {
            // The drill proved the old shares. The new ones are unproved until the next drill.
            state.facts.remove(&Fact::Drilled);
            state.custodians = recipe.custodians.iter().cloned().collect();
        }
        Step::Destroy => drop(state.facts.insert(Fact::Destroyed)),
    }
}

fn refuse(step: Step, rule: &'static str) -> CeremonyError {
    CeremonyError::Plan {
        step: step.name(),
        rule,
    }
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
