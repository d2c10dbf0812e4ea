//! Working a plan off: one action after the other, the state written after each, and the signed end.

use sha2::{Digest as _, Sha256};

use crate::{
    booklet,
    error::CeremonyError,
    folder,
    plan::{Action, Which},
    print::Step,
    quorum::Quorum,
    say::Language,
    steps::{self, Room},
    talk::{Talk, Wish},
    texts,
    transcript::EXCEPTION,
};

/// Works off what is not finished, and closes the transcript.
pub(crate) fn work(
    quorum: &Quorum,
    mut room: Room<'_>,
    plan: &[Action],
) -> Result<(), CeremonyError> {
    let booklet = booklet::of_recipe(room.recipe, None);
    for action in &plan[room.journal.done.min(plan.len())..] {
        ask(&mut room, booklet::number(&booklet, action), action)?;
        steps::perform(quorum, &mut room, action)?;
        room.pause.point(&format!("inside {action}"));
        room.finish(action)?;
        if let Talk::Terminal(terminal) = &room.talk {
            terminal.say(texts::DONE, &[("what", &action.to_string())])?;
        }
        room.pause.point(&format!("after {action}"));
    }
    close(room)
}

/// Lets the room go on, note something, have a break or end the ceremony.
fn ask(
    room: &mut Room<'_>,
    printed: Option<(usize, &Step)>,
    action: &Action,
) -> Result<(), CeremonyError> {
    let number = printed.map_or("-".to_owned(), |(number, _)| number.to_string());
    let step = |language: Language| match printed {
        Some((_, step)) => step.text.of(language.printed()).to_owned(),
        None => texts::GO_PUBLISH.fill(language, &[]),
    };
    loop {
        match room
            .talk
            .wish(&number, &action.to_string(), &room.transcript.mark(), step)?
        {
            Wish::GoOn => return Ok(()),
            Wish::Exception(text) => {
                exception(room, &text)?;
                if let Talk::Terminal(terminal) = &room.talk {
                    terminal.say(texts::RECORDED, &[])?;
                }
            }
            Wish::Break(text) => {
                pause(room, &text)?;
                return Err(CeremonyError::OnBreak);
            }
            Wish::Abort(text) => {
                abort(room, &text)?;
                return Err(CeremonyError::Aborted);
            }
        }
    }
}

/// Records something that was not planned.
pub(crate) fn exception(room: &mut Room<'_>, text: &str) -> Result<(), CeremonyError> {
    let facts = [("remark", text)];
    room.transcript
        .line(EXCEPTION, "something unplanned happened", &facts)
}

/// Records a break. Everything is on disk already.
pub(crate) fn pause(room: &mut Room<'_>, text: &str) -> Result<(), CeremonyError> {
    let facts = [("remark", text)];
    room.transcript
        .line("break", "the ceremony has a break", &facts)
}

/// Ends a ceremony for good: destroys the keys that it made, says so, and signs if there is a key to sign
/// with. Whatever cannot be destroyed is named.
pub(crate) fn abort(room: &mut Room<'_>, text: &str) -> Result<(), CeremonyError> {
    let ceremony = room.journal.ceremony;
    let made: Vec<_> = room
        .journal
        .keys
        .iter()
        .filter(|key| key.ceremony == ceremony && !key.adopted && key.name != "csk")
        .cloned()
        .collect();
    let (mut gone, mut left) = (Vec::new(), Vec::new());
    for record in made {
        let key = record.entry()?;
        let which = match record.token.as_str() {
            "custody" => Which::Custody,
            _ => Which::Appliance,
        };
        let destroyed = room.user(which).and_then(|user| {
            user.destroy(&key.name, &key.id)?;
            Ok(user.prove_destroyed(&key)?)
        });
        match destroyed {
            Ok(()) => {
                room.journal.remove_key(which, &key.name);
                gone.push(key.name);
            }
            Err(error) => left.push(format!("{} ({})", key.name, error.code())),
        }
    }
    unretire(room);
    room.journal.aborted = true;
    let (gone, left) = (gone.join(" "), left.join(" "));
    if let Talk::Terminal(terminal) = &room.talk {
        let nothing = texts::NOTHING.fill(terminal.language, &[]);
        let shown = if gone.is_empty() { &nothing } else { &gone };
        terminal.say(texts::ABORTED, &[("destroyed", shown)])?;
    }
    let digest = room.journal.write_next(room.out)?;
    let facts = [
        ("remark", text),
        ("destroyed", &gone),
        ("left", &left),
        (crate::transcript::JOURNAL_FACT, &digest),
    ];
    room.transcript.line("abort", "ceremony aborted", &facts)?;
    crate::journal::Journal::commit(room.out)
}

/// Keys that this ceremony retired are in force again once their successors are gone.
fn unretire(room: &mut Room<'_>) {
    let ceremony = room.journal.ceremony;
    for key in &mut room.journal.keys {
        let Some((name, _)) = key.name.split_once(".retired-") else {
            continue;
        };
        if key.name == steps::retired(name, ceremony) {
            key.name = name.to_owned();
        }
    }
}

/// Signs the end. Without a signing key (a ceremony that ended before it had one) the record stays open and
/// counts by its paper alone.
pub(crate) fn close(room: Room<'_>) -> Result<(), CeremonyError> {
    let csk = room.journal.entry(Which::Custody, "csk")?;
    folder::replace(&room.out.join("csk.spki"), csk.public_key()?)?;
    let user = room.user(Which::Custody)?;
    let path = room.out.join("transcript.jsonl");
    room.transcript.close(Room::sign(&user, &csk))?;
    if let Talk::Terminal(terminal) = &room.talk {
        let text = folder::read_bytes(&path)?;
        let hash = crate::recipe::groups_of_four(&Sha256::digest(&text));
        terminal.say(texts::CLOSED, &[("hash", &hash)])?;
    }
    Ok(())
}
