//! `rehearse`: the whole recipe on a software token, without questions.

use std::path::Path;

use keymgmt_custody::{
    CustodyError,
    pkcs11::{TokenName, find_token},
};

use crate::{
    clock::Clock,
    delivery,
    environment::Environment,
    error::CeremonyError,
    folder::{self, Readers},
    quorum::{Confirmation, Quorum},
    recipe::Recipe,
    steps::{self, Room},
    transcript::Transcript,
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
    let recipe = Recipe::load(recipe)?;
    let environment = Environment::load(environment)?;
    let quorum = confirm(&recipe, &environment)?;
    preflight(&recipe, &environment, out)?;

    folder::make(out)?;
    let transcript = Transcript::create(&out.join("transcript.jsonl"), MODE, clock)?;
    folder::write_new(
        &out.join("recipe.toml"),
        recipe.text.as_bytes(),
        Readers::Everyone,
    )?;
    let mut room = Room {
        recipe: &recipe,
        environment: &environment,
        out,
        clock,
        transcript,
    };
    open(&mut room, &quorum)?;
    steps::token_init(&quorum, &mut room)?;
    let made = steps::generate(&quorum, &mut room)?;
    let sites = delivery::enrol_sites(&quorum, &mut room)?;
    delivery::issue_packages(&quorum, &mut room, &made, &sites)?;
    steps::close(room, &made)
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

/// Everything that can be known to fail is asked first.
fn preflight(recipe: &Recipe, environment: &Environment, out: &Path) -> Result<(), CeremonyError> {
    let transcript = out.join("transcript.jsonl");
    if transcript.exists() {
        return Err(CeremonyError::Exists { path: transcript });
    }
    delivery::read_requests(recipe, environment)?;
    for place in [&environment.custody, &environment.appliance] {
        drop((place.officer_pin()?, place.user_pin()?));
        match find_token(&environment.profile, &TokenName::Label(place.label.clone())) {
            Err(CustodyError::TokenNotFound { .. }) => {}
            Ok(_) => {
                return Err(CustodyError::TokenAmbiguous {
                    token: place.label.clone(),
                }
                .into());
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

fn open(room: &mut Room<'_>, quorum: &Quorum) -> Result<(), CeremonyError> {
    let recipe = room.recipe;
    let facts = [
        ("title", recipe.title.as_str()),
        ("recipe-sha256", &hex::encode(recipe.hash)),
        ("software", concat!("ceremony ", env!("CARGO_PKG_VERSION"))),
        ("profile", room.environment.profile.name()),
        ("oaep", room.environment.profile.oaep().name()),
    ];
    room.transcript.line("open", "ceremony opened", &facts)?;
    if room.environment.profile.oaep() == keymgmt_custody::Oaep::Sha1 {
        let facts = [("oaep", "sha1")];
        let what = "WARNING: OAEP with SHA-1, for tests and demonstrations only";
        room.transcript.line("open", what, &facts)?;
    }
    let (present, threshold) = (quorum.present(), recipe.threshold.to_string());
    let facts = [("present", present.as_str()), ("threshold", &threshold)];
    room.transcript
        .line("open", "quorum confirmed the recipe", &facts)
}
