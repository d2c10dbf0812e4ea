//! `rehearse`: the whole recipe on a software token, without questions.

use std::path::Path;

use crate::{
    clock::Clock,
    environment::Environment,
    error::CeremonyError,
    quorum::{Confirmation, Quorum},
    recipe::Recipe,
    start,
    talk::Talk,
};

/// What every line of a rehearsal's transcript says.
pub(crate) const MODE: &str = "REHEARSAL";

/// Runs the recipe. Nothing is changed before the pre-flight is through.
pub(crate) fn rehearse(
    recipe: &Path,
    environment: &Path,
    out: &Path,
    clock: Clock,
) -> Result<(), CeremonyError> {
    start::start(recipe, environment, out, clock, Talk::Silent)
}

/// The quorum of a rehearsal: those whom the environment calls present confirm by themselves. Only a
/// test profile lets them.
pub(crate) fn confirm(recipe: &Recipe, environment: &Environment) -> Result<Quorum, CeremonyError> {
    if !environment.profile.is_test() {
        return Err(CeremonyError::Config {
            file: "the module profile",
            rule: "a rehearsal runs only with a profile that says `test = true`".to_owned(),
        });
    }
    let confirmations: Vec<_> = environment
        .present
        .iter()
        .map(|custodian| Confirmation {
            custodian: custodian.clone(),
            recipe_hash: recipe.hash,
        })
        .collect();
    Quorum::of(recipe, &confirmations)
}
