//! Work in another module's token. A process works with one module, so another process of this program does
//! it. What it must not tell anybody, it gets through its standard input; it answers in lines.

use std::{
    io::{BufRead as _, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use keymgmt_custody::{
    CustodyError, Secret,
    inventory::{KeyEntry, KeyId, KeyProof},
    pkcs11::{OfficerSession, RESTORE_KEY, TokenFacts, TokenName, UserSession},
};
use linker_token::CheckValue;
use zeroize::Zeroizing;

use crate::{
    environment::{Environment, Login, RestorePlace, TokenPlace},
    error::CeremonyError,
    journal::unhex,
    steps::check_serial,
};

/// The hidden verb of the other process.
pub(crate) const VERB: &str = "elsewhere";

/// Instead of a serial number where none is known.
const ANY: &str = "-";

/// What is restored.
pub(super) struct Job<'a> {
    pub(super) key: &'a Secret,
    pub(super) blob: &'a [u8],
    pub(super) context: &'a [u8],
    pub(super) expected: CheckValue,
}

/// Restores the encoding secret in the token of `[restore]`. `begun` is told the restore key's id before
/// anything is done with it.
pub(super) fn restore(
    environment: &Environment,
    token: &TokenPlace,
    job: &Job<'_>,
    begun: impl FnOnce(&KeyId) -> Result<(), CeremonyError>,
) -> Result<(TokenFacts, KeyEntry), CeremonyError> {
    let mut other = Other::start(environment, token)?;
    let (key, blob) = (hex::encode(job.key.expose()), hex::encode(job.blob));
    let key = Zeroizing::new(key);
    let context = hex::encode(job.context);
    let line = format!("restore {} {blob} {context} {}", *key, job.expected);
    other.say(&Zeroizing::new(line))?;
    begun(&id(&other.answer("begun")?)?)?;
    other.say("go")?;
    let answer = other.answer("done")?;
    other.end()?;
    let (entry, rest) = answer.split_once(' ').ok_or_else(|| failed("its answer"))?;
    let (serial, model) = rest.split_once(' ').unwrap_or((rest, ""));
    let facts = TokenFacts {
        label: token.label.clone(),
        serial: serial.to_owned(),
        manufacturer: String::new(),
        model: model.to_owned(),
    };
    let entry = KeyEntry {
        name: "lek".to_owned(),
        id: id(entry)?,
        proof: KeyProof::Secret(job.expected),
    };
    Ok((facts, entry))
}

/// Destroys what an interrupted restoration left there, and says whether anything was left.
pub(super) fn destroy(
    environment: &Environment,
    token: &TokenPlace,
    key: &str,
    id: &KeyId,
    serial: Option<&str>,
) -> Result<bool, CeremonyError> {
    let mut other = Other::start(environment, token)?;
    let serial = serial.unwrap_or(ANY);
    other.say(&format!("destroy {key} {id} {serial}"))?;
    let answer = other.answer("done")?;
    other.end()?;
    Ok(answer == "destroyed")
}

/// The other process, seen from this one.
struct Other {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(environment: &Environment, token: &TokenPlace) -> Result<Self, CeremonyError> {
        let program = std::env::current_exe().map_err(|_source| failed("it is not found"))?;
        let mut child = Command::new(program)
            .arg(VERB)
            .arg("--environment")
            .arg(&environment.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|_source| failed("it does not start"))?;
        let answers = child.stdout.take().ok_or_else(|| failed("it is mute"))?;
        let mut other = Self {
            child,
            answers: BufReader::new(answers).lines(),
        };
        for login in [Login::Officer, Login::User] {
            let typed = token.typed(login).map_or("", |pin| pin.as_str());
            other.say(typed)?;
        }
        Ok(other)
    }

    fn say(&mut self, line: &str) -> Result<(), CeremonyError> {
        let stdin = self.child.stdin.as_mut();
        let stdin = stdin.ok_or_else(|| failed("it does not listen"))?;
        let mut text = Zeroizing::new(String::with_capacity(line.len() + 1));
        text.push_str(line);
        text.push('\n');
        stdin
            .write_all(text.as_bytes())
            .map_err(|_source| failed("it does not listen"))
    }

    /// What follows a word of its next answer.
    fn answer(&mut self, word: &str) -> Result<String, CeremonyError> {
        let line = self.answers.next().and_then(Result::ok);
        let line = line.ok_or_else(|| failed("it ended; its own error stands above"))?;
        let rest = line.strip_prefix(word).map(str::trim);
        rest.map(str::to_owned)
            .ok_or_else(|| failed("its answer makes no sense"))
    }

    fn end(mut self) -> Result<(), CeremonyError> {
        let status = self.child.wait().ok();
        if status.is_some_and(|status| status.success()) {
            Ok(())
        } else {
            Err(failed("it ended; its own error stands above"))
        }
    }
}

/// The other process, from the inside: PINs, one order, and for a restoration the word to go on.
pub(crate) fn serve(environment: &Path) -> Result<(), CeremonyError> {
    let environment = Environment::load(environment)?;
    let place = environment.restore.as_ref();
    let place = place.ok_or_else(|| failed("the environment names no `[restore]`"))?;
    for login in [Login::Officer, Login::User] {
        let typed = heard()?;
        if !typed.is_empty() {
            place.token.type_pin(login, typed);
        }
    }
    let order = heard()?;
    let words: Vec<&str> = order.split(' ').collect();
    match words[..] {
        ["destroy", key, object, serial] => {
            let serial = Some(serial).filter(|serial| *serial != ANY);
            let name = check_serial(&place.profile, &place.token, serial)?;
            let user = UserSession::open(&place.profile, &name, &place.token.user_pin()?)?;
            match user.destroy(key, &id(object)?) {
                Err(CustodyError::KeyMissing { .. }) => tell("done missing"),
                destroyed => {
                    destroyed?;
                    tell("done destroyed")
                }
            }
        }
        ["restore", key, blob, context, check] => {
            let mut bytes = Zeroizing::new(unhex(key).ok_or_else(|| failed("its order"))?);
            let blob = hex::decode(blob).map_err(|_source| failed("its order"))?;
            let context = hex::decode(context).map_err(|_source| failed("its order"))?;
            let check = CheckValue(unhex(check).ok_or_else(|| failed("its order"))?);
            let key = Secret::take(&mut bytes);
            let name = check_serial(&place.profile, &place.token, None)?;
            restore_here(place, &name, (&key, &blob, &context, check))
        }
        _ => Err(failed("its order makes no sense")),
    }
}

fn restore_here(
    place: &RestorePlace,
    name: &TokenName,
    (key, blob, context, check): (&Secret, &[u8], &[u8], CheckValue),
) -> Result<(), CeremonyError> {
    let officer = OfficerSession::open(&place.profile, name, &place.token.officer_pin()?)?;
    let in_token = officer.import_restore_key(key)?;
    drop(officer);
    tell(&format!("begun {in_token}"))?;
    heard()?;
    let user = UserSession::open(&place.profile, name, &place.token.user_pin()?)?;
    let entry = user.restore("lek", &in_token, blob, context, check);
    user.destroy(RESTORE_KEY, &in_token)?;
    let (entry, facts) = (entry?, user.facts());
    tell(&format!(
        "done {} {} {}",
        entry.id, facts.serial, facts.model
    ))
}

/// One line of standard input.
fn heard() -> Result<Zeroizing<String>, CeremonyError> {
    let mut line = Zeroizing::new(String::with_capacity(1024));
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.is_ok_and(|read| read > 0) {
        let end = line.trim_end_matches('\n').len();
        line.truncate(end);
        Ok(line)
    } else {
        Err(failed("nobody gives it orders"))
    }
}

fn tell(line: &str) -> Result<(), CeremonyError> {
    let mut out = std::io::stdout();
    let told = writeln!(out, "{line}").and_then(|()| out.flush());
    told.map_err(|_closed| failed("nobody hears it"))
}

fn id(text: &str) -> Result<KeyId, CeremonyError> {
    unhex(text)
        .map(KeyId)
        .ok_or_else(|| failed("its answer makes no sense"))
}

fn failed(reason: &str) -> CeremonyError {
    CeremonyError::Elsewhere {
        reason: reason.to_owned(),
    }
}
