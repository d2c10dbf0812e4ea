//! How a ceremony begins: everything that can be known to fail is asked first, then the folder, the
//! transcript and the journal are opened.

mod preflight;
mod state;

use std::path::Path;

use keymgmt_custody::{Oaep, hierarchy::epoch_context, pkcs11::UserSession};

use state::planned;
pub(crate) use state::{check_clock, plan_for, state};

use crate::{
    clock::Clock,
    engine,
    environment::Environment,
    error::CeremonyError,
    folder::{self, Readers},
    journal::Journal,
    pause::Pause,
    plan::{Action, Which},
    quorum::Quorum,
    recipe::Recipe,
    rehearse::MODE,
    steps::{Room, check_serial},
    talk::Talk,
    texts,
    transcript::{JOURNAL_FACT, Transcript},
};

/// The file of a folder's record.
pub(crate) const TRANSCRIPT: &str = "transcript.jsonl";
/// What every line says that was not written in a rehearsal.
const PRODUCTION: &str = "PRODUCTION";

/// The mode that a profile allows.
pub(crate) fn mode(environment: &Environment) -> &'static str {
    if environment.profile.is_test() {
        MODE
    } else {
        PRODUCTION
    }
}

/// Runs a recipe from its first step, in a new folder or in one whose last ceremony is closed.
pub(crate) fn start(
    recipe: &Path,
    environment: &Path,
    out: &Path,
    clock: Clock,
    talk: Talk,
) -> Result<(), CeremonyError> {
    let recipe = Recipe::load(recipe)?;
    let environment = Environment::load(environment)?;
    if talk.is_silent() {
        // A rehearsal's quorum says at once whether this may be one.
        crate::rehearse::confirm(&recipe, &environment)?;
    }
    let (before, plan) = planned(&recipe, &environment, out, clock)?;
    preflight::preflight(&recipe, &environment, &plan, &before)?;
    greet(&talk, &recipe, &environment)?;
    let quorum = talk.quorum(&recipe, &environment)?;
    talk.pins(&environment)?;

    folder::make(out)?;
    let _lock = folder::lock(out)?;
    // While people read and typed, another run may have worked in the folder.
    if planned(&recipe, &environment, out, clock)? != (before.clone(), plan.clone()) {
        return Err(CeremonyError::WrongFolder {
            rule: "another ceremony was held in it meanwhile; begin again",
        });
    }
    let room = open(
        &recipe,
        &environment,
        out,
        (clock, talk),
        before,
        &plan,
        &quorum,
    )?;
    engine::work(&quorum, room, &plan)
}

fn greet(talk: &Talk, recipe: &Recipe, environment: &Environment) -> Result<(), CeremonyError> {
    let Talk::Terminal(terminal) = talk else {
        return Ok(());
    };
    let (epoch, threshold) = (recipe.epoch.to_string(), recipe.threshold.to_string());
    let values = [
        ("mode", mode(environment)),
        ("title", &*recipe.title),
        ("project", recipe.project.as_str()),
        ("epoch", &*epoch),
        ("threshold", &*threshold),
        ("custodians", &*recipe.custodians.join(", ")),
    ];
    terminal.say(texts::HEAD, &values)?;
    terminal.say(texts::NUMBERS, &[])
}

/// Opens transcript and journal. The first line names the journal, so from then on the ceremony can be
/// resumed or aborted.
fn open<'a>(
    recipe: &'a Recipe,
    environment: &'a Environment,
    out: &'a Path,
    (clock, talk): (Clock, Talk),
    before: Journal,
    plan: &[Action],
    quorum: &Quorum,
) -> Result<Room<'a>, CeremonyError> {
    let first = before.ceremony == 0;
    let mut journal = before;
    journal.ceremony += 1;
    journal.mode = mode(environment).to_owned();
    journal.recipe_sha256 = hex::encode(recipe.hash);
    journal.environment_sha256 = hex::encode(environment.hash);
    journal.silent = talk.is_silent();
    journal.actions = plan.iter().map(ToString::to_string).collect();
    journal.done = 0;
    journal.aborted = false;
    let path = out.join(TRANSCRIPT);
    let transcript = if first {
        Transcript::create(&path, mode(environment), clock)?
    } else {
        let csk = journal.entry(Which::Custody, "csk")?;
        check_csk(environment, &journal, recipe)?;
        Transcript::go_on(&path, mode(environment), clock, Some(csk.public_key()?))?
    };
    let transcript = if talk.is_silent() {
        transcript
    } else {
        transcript.quiet()
    };
    let name = recipe_file(journal.ceremony);
    folder::remove(&out.join(&name))?;
    folder::write_new(&out.join(&name), recipe.text.as_bytes(), Readers::Everyone)?;
    let digest = journal.write_next(out)?;
    let pause = Pause::wished(&environment.profile);
    let mut room = Room {
        recipe,
        environment,
        out,
        clock,
        transcript,
        journal,
        talk,
        pause,
        begun: false,
    };
    write_opening(&mut room, quorum, &digest)?;
    Ok(room)
}

/// Where the recipe of a folder's n-th ceremony lies.
pub(crate) fn recipe_file(ceremony: u32) -> String {
    match ceremony {
        1 => "recipe.toml".to_owned(),
        later => format!("recipe-{later}.toml"),
    }
}

/// The token must answer for the folder's signing key before anything of the folder is believed.
pub(crate) fn check_csk(
    environment: &Environment,
    journal: &Journal,
    recipe: &Recipe,
) -> Result<(), CeremonyError> {
    let place = &environment.custody;
    let record = journal.tokens.get(Which::Custody.name());
    let record = record.map(|record| record.serial.as_str());
    let name = check_serial(&environment.profile, place, record)?;
    let user = UserSession::open(&environment.profile, &name, &place.user_pin()?)?;
    let csk = journal.entry(Which::Custody, "csk")?;
    Ok(user.check(&csk, &epoch_context(&recipe.project, recipe.epoch))?)
}

fn write_opening(room: &mut Room<'_>, quorum: &Quorum, digest: &str) -> Result<(), CeremonyError> {
    let recipe = room.recipe;
    let facts = [
        ("title", recipe.title.as_str()),
        ("recipe-sha256", &hex::encode(recipe.hash)),
        ("software", concat!("ceremony ", env!("CARGO_PKG_VERSION"))),
        ("profile", room.environment.profile.name()),
        ("oaep", room.environment.profile.oaep().name()),
        (JOURNAL_FACT, digest),
    ];
    room.transcript.line("open", "ceremony opened", &facts)?;
    Journal::commit(room.out)?;
    if room.environment.profile.oaep() == Oaep::Sha1 {
        let facts = [("oaep", "sha1")];
        let what = "WARNING: OAEP with SHA-1, for tests and demonstrations only";
        room.transcript.line("open", what, &facts)?;
    }
    write_quorum(room, quorum)?;
    room.pause.point("after open");
    Ok(())
}

/// Who confirmed.
pub(crate) fn write_quorum(room: &mut Room<'_>, quorum: &Quorum) -> Result<(), CeremonyError> {
    let (present, threshold) = (quorum.present(), room.recipe.threshold.to_string());
    let facts = [("present", present.as_str()), ("threshold", &threshold)];
    room.transcript
        .line("open", "quorum confirmed the recipe", &facts)
}
