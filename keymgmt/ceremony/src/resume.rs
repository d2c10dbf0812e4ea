//! Going on after an interruption, and ending instead.

use std::path::Path;

use keymgmt_custody::{CustodyError, hierarchy::epoch_context};

use crate::{
    clock::Clock,
    engine,
    environment::Environment,
    error::CeremonyError,
    folder,
    journal::Journal,
    pause::Pause,
    plan::{Action, State, Which, plan},
    recipe::Recipe,
    start::{self, TRANSCRIPT},
    steps::{Room, custody_of_folder, half},
    talk::Talk,
    texts,
    transcript::{self, Made, Transcript},
};

/// A folder whose ceremony is open, as its own record has it.
struct Opened {
    recipe: Recipe,
    environment: Environment,
    journal: Journal,
    csk: Option<Vec<u8>>,
    made: Vec<Made>,
}

/// Goes on with the first action that is not finished. What was begun of it is done again.
pub(crate) fn resume(
    environment: &Path,
    out: &Path,
    clock: Clock,
    talk: impl FnOnce(bool) -> Result<Talk, CeremonyError>,
) -> Result<(), CeremonyError> {
    let _lock = lock(out)?;
    let opened = read(environment, out, clock)?;
    let talk = talk(opened.journal.silent)?;
    let quorum = talk.quorum(&opened.recipe, &opened.environment)?;
    talk.pins(&opened.environment)?;
    let plan = planned(&opened)?;
    let mut room = opened.room(out, clock, talk)?;
    let (done, all) = (room.journal.done, plan.len());
    let next = plan
        .get(done)
        .map_or("close".to_owned(), ToString::to_string);
    let found = [
        ("done", done.to_string()),
        ("all", all.to_string()),
        ("next", next),
    ];
    let facts = found.each_ref().map(|(key, value)| (*key, value.as_str()));
    if let Talk::Terminal(terminal) = &room.talk {
        terminal.say(texts::FOUND, &facts)?;
    }
    check_keys(&room)?;
    let what = "an interrupted ceremony goes on; what was begun of the next action is done again";
    room.transcript.line("resume", what, &facts)?;
    half::destroy(&mut room, &opened.made)?;
    start::write_quorum(&mut room, &quorum)?;
    engine::work(&quorum, room, &plan)
}

/// Ends an open ceremony for good.
pub(crate) fn abort(
    environment: &Path,
    out: &Path,
    clock: Clock,
    remark: &str,
    talk: impl FnOnce(bool) -> Result<Talk, CeremonyError>,
) -> Result<String, CeremonyError> {
    let _lock = lock(out)?;
    let opened = read(environment, out, clock)?;
    let talk = talk(opened.journal.silent)?;
    let quorum = talk.quorum(&opened.recipe, &opened.environment)?;
    quorum.require(&opened.recipe)?;
    talk.pins(&opened.environment)?;
    let mut room = opened.room(out, clock, talk)?;
    half::destroy(&mut room, &opened.made)?;
    engine::abort(&mut room, remark)?;
    if room.journal.entry(Which::Custody, "csk").is_err() {
        return Ok("aborted; there is no key yet that could sign the record\n".to_owned());
    }
    engine::close(room)?;
    Ok("aborted; the record is signed\n".to_owned())
}

/// Writes one line into the record: of an open ceremony as it is, of a closed one with a signature.
pub(crate) fn mark(
    environment: &Path,
    out: &Path,
    clock: Clock,
    (step, what, remark): (&str, &str, &str),
    talk: impl FnOnce(bool) -> Result<Talk, CeremonyError>,
) -> Result<(), CeremonyError> {
    let _lock = lock(out)?;
    let environment = Environment::load(environment)?;
    let path = out.join(TRANSCRIPT);
    let csk = csk(out)?;
    let summary = transcript::walk(&path, csk.as_deref())?;
    start::check_clock(clock, &summary.last_utc)?;
    let mode = start::mode(&environment);
    let mut record = Transcript::go_on(&path, mode, clock, csk.as_deref())?;
    let facts = [("remark", remark)];
    if !summary.closed {
        return record.line(step, what, &facts);
    }
    talk(true)?.pins(&environment)?;
    let custody = custody_of_folder(&environment, out)?;
    record.line(step, what, &facts)?;
    let entry = custody.inventory.key("csk")?;
    record.close(Room::sign(&custody.user, entry))
}

/// Signs the end of a record that was left open by nothing but remarks.
pub(crate) fn sign(
    environment: &Path,
    out: &Path,
    clock: Clock,
    talk: impl FnOnce(bool) -> Result<Talk, CeremonyError>,
) -> Result<(), CeremonyError> {
    let _lock = lock(out)?;
    let environment = Environment::load(environment)?;
    let path = out.join(TRANSCRIPT);
    let csk = csk(out)?;
    let summary = transcript::walk(&path, csk.as_deref())?;
    if summary.closed {
        let rule = "its record is signed to its last line";
        return Err(CeremonyError::Ended { rule });
    }
    let journal = Journal::load(out, summary.journal.as_deref())?;
    if !journal.aborted && journal.done < journal.actions.len() {
        let rule = "its actions are not finished, so there is no end to sign";
        return Err(CeremonyError::Open { rule });
    }
    start::check_clock(clock, &summary.last_utc)?;
    talk(true)?.pins(&environment)?;
    let custody = custody_of_folder(&environment, out)?;
    let record = Transcript::go_on(&path, start::mode(&environment), clock, csk.as_deref())?;
    let entry = custody.inventory.key("csk")?;
    record.close(Room::sign(&custody.user, entry))
}

fn lock(out: &Path) -> Result<std::fs::File, CeremonyError> {
    if out.join(TRANSCRIPT).exists() {
        return folder::lock(out);
    }
    Err(CeremonyError::WrongFolder {
        rule: "it holds no transcript",
    })
}

/// The custody signing key, once a ceremony has published it.
fn csk(out: &Path) -> Result<Option<Vec<u8>>, CeremonyError> {
    let path = out.join("csk.spki");
    path.exists().then(|| folder::read_bytes(&path)).transpose()
}

/// Reads an open ceremony and refuses everything that is not as the last finished action left it.
fn read(environment: &Path, out: &Path, clock: Clock) -> Result<Opened, CeremonyError> {
    let environment = Environment::load(environment)?;
    let csk = csk(out)?;
    let summary = transcript::walk(&out.join(TRANSCRIPT), csk.as_deref())?;
    if summary.closed {
        return Err(CeremonyError::Ended {
            rule: "its transcript is closed",
        });
    }
    if summary.journal.is_none() {
        return Err(CeremonyError::Ended {
            rule: "it stopped before it changed anything; remove the folder",
        });
    }
    let journal = Journal::load(out, summary.journal.as_deref())?;
    if journal.aborted {
        return Err(CeremonyError::Ended {
            rule: "it was aborted",
        });
    }
    let recipe = Recipe::load(&out.join(start::recipe_file(journal.ceremony)))?;
    if journal.recipe_sha256 != hex::encode(recipe.hash) {
        return Err(CeremonyError::NoQuorum {
            rule: "the recipe in the folder is not the one that was confirmed",
        });
    }
    if journal.environment_sha256 != hex::encode(environment.hash) {
        return Err(CeremonyError::EnvironmentChanged);
    }
    start::check_clock(clock, &summary.last_utc)?;
    Ok(Opened {
        recipe,
        environment,
        journal,
        csk,
        made: summary.made,
    })
}

impl Opened {
    fn room<'a>(
        &'a self,
        out: &'a Path,
        clock: Clock,
        talk: Talk,
    ) -> Result<Room<'a>, CeremonyError> {
        let path = out.join(TRANSCRIPT);
        let mode = start::mode(&self.environment);
        let mut transcript = Transcript::go_on(&path, mode, clock, self.csk.as_deref())?;
        if !talk.is_silent() {
            transcript = transcript.quiet();
        }
        Ok(Room {
            recipe: &self.recipe,
            environment: &self.environment,
            out,
            clock,
            transcript,
            journal: self.journal.clone(),
            talk,
            pause: Pause::wished(&self.environment.profile),
            begun: true,
        })
    }
}

/// The recipe's actions, planned again, must be the ones on record.
fn planned(opened: &Opened) -> Result<Vec<Action>, CeremonyError> {
    let by_name = |name: &String| {
        Action::parse(name).ok_or(CeremonyError::WrongFolder {
            rule: "an action of its journal does not parse",
        })
    };
    let recorded: Vec<_> = opened
        .journal
        .actions
        .iter()
        .map(by_name)
        .collect::<Result<_, _>>()?;
    if opened.journal.ceremony == 1 {
        let fresh = Journal::empty("", 0, "");
        let state: State = start::state(&fresh, &opened.environment, true)?;
        if plan(&opened.recipe, &state)? != recorded {
            return Err(CeremonyError::WrongFolder {
                rule: "its journal names other actions than its recipe",
            });
        }
    }
    Ok(recorded)
}

/// Every key on record must answer as recorded before anything goes on.
fn check_keys(room: &Room<'_>) -> Result<(), CeremonyError> {
    let context = epoch_context(&room.recipe.project, room.recipe.epoch);
    for which in [Which::Custody, Which::Appliance] {
        let keys = room.journal.entries(which)?;
        if !room.journal.tokens.contains_key(which.name()) {
            continue;
        }
        let user = room.user(which)?;
        for key in keys {
            match user.check(&key, &context) {
                // An interrupted destruction or revocation may have got so far.
                Err(CustodyError::KeyMissing { .. }) if destroys(room) => continue,
                checked => checked?,
            }
            if let Talk::Terminal(terminal) = &room.talk {
                terminal.say(texts::FOUND_KEY, &[("key", &key.name)])?;
            }
        }
    }
    Ok(())
}

/// Whether the action that was interrupted destroys keys.
fn destroys(room: &Room<'_>) -> bool {
    let next = room.journal.actions.get(room.journal.done);
    matches!(
        next.and_then(|name| Action::parse(name)),
        Some(Action::Destroy | Action::RevokeSite(_))
    )
}
