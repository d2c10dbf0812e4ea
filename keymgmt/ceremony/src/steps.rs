//! What a ceremony does. Every action takes the quorum, does its work in the tokens, notes the result in
//! the journal, and writes the transcript.

mod backup;
mod copies;
mod destroy;
pub(crate) mod elsewhere;
pub(crate) mod half;
mod keys;
mod publish;
mod restore;
mod revoke;
mod rotate;
pub(crate) mod sites;
mod tokens;

pub(crate) use rotate::retired;

use std::path::Path;

use keymgmt_custody::{
    CustodyError,
    hierarchy::epoch_context,
    inventory::{Inventory, KeyEntry},
    pkcs11::{TokenName, UserSession, find_token},
    profile::Profile,
};

use crate::{
    clock::Clock,
    environment::{Environment, TokenPlace},
    error::CeremonyError,
    folder,
    journal::Journal,
    limits::NOTE_BYTES_MAX,
    pause::Pause,
    plan::{Action, Which},
    quorum::Quorum,
    recipe::Recipe,
    talk::Talk,
    transcript::{JOURNAL_FACT, Transcript},
};

/// What every action needs.
pub(crate) struct Room<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) environment: &'a Environment,
    pub(crate) out: &'a Path,
    pub(crate) clock: Clock,
    pub(crate) transcript: Transcript,
    pub(crate) journal: Journal,
    pub(crate) talk: Talk,
    pub(crate) pause: Pause,
    /// Whether the next action may have been begun by a run that was interrupted.
    pub(crate) begun: bool,
}

/// Does one action.
pub(crate) fn perform(
    quorum: &Quorum,
    room: &mut Room<'_>,
    action: &Action,
) -> Result<(), CeremonyError> {
    quorum.require(room.recipe)?;
    match action {
        Action::TokenInit(which) => tokens::init(room, *which),
        Action::Adopt => keys::adopt(room),
        Action::Generate(which, key) => keys::generate(room, *which, key),
        Action::Backup | Action::Reshare => backup::back_up(room, action),
        Action::EnrolSite(site) => sites::enrol(room, site),
        Action::Issue(site) => sites::issue_one(room, site),
        Action::Restore => restore::restore(quorum, room),
        Action::RevokeSite(site) => revoke::revoke(room, site),
        Action::Rotate(key) => rotate::rotate(room, key),
        Action::Destroy => destroy::destroy(room),
        Action::Publish => publish::publish(room),
    }
}

impl Room<'_> {
    /// Notes that an action is finished: from here on it is never done again.
    pub(crate) fn finish(&mut self, action: &Action) -> Result<(), CeremonyError> {
        let step = action.step();
        self.journal.done += 1;
        self.begun = false;
        let digest = self.journal.write_next(self.out)?;
        let name = action.to_string();
        let facts = [("action", name.as_str()), (JOURNAL_FACT, &digest)];
        self.transcript.line(step, "action finished", &facts)?;
        Journal::commit(self.out)
    }

    /// A user's session of a token that has the serial number on record.
    pub(crate) fn user(&self, which: Which) -> Result<UserSession, CeremonyError> {
        let place = self.environment.place(which);
        let name = self.known(which)?;
        Ok(UserSession::open(
            &self.environment.profile,
            &name,
            &place.user_pin()?,
        )?)
    }

    /// The token's name, once it is known to be the right one: only then is it offered a PIN.
    pub(crate) fn known(&self, which: Which) -> Result<TokenName, CeremonyError> {
        let place = self.environment.place(which);
        let record = self.journal.tokens.get(which.name());
        let record = record.map(|record| record.serial.as_str());
        check_serial(&self.environment.profile, place, record)
    }

    /// Signs with the custody signing key.
    pub(crate) fn sign<'b>(
        user: &'b UserSession,
        csk: &'b KeyEntry,
    ) -> impl Fn(&[u8; 32]) -> Result<[u8; 64], CustodyError> + Copy + 'b {
        move |digest| user.sign(&csk.name, &csk.id, digest)
    }

    /// Writes down a key.
    pub(crate) fn note_key(
        &mut self,
        which: Which,
        key: &KeyEntry,
        what: &str,
    ) -> Result<(), CeremonyError> {
        let label = self.environment.place(which).label.clone();
        let facts = [
            ("token", label.as_str()),
            ("key", &key.name),
            ("id", &key.id.to_string()),
            ("proof", &publish::proof(key)),
        ];
        self.transcript.line("generate", what, &facts)?;
        self.talk.tell_check(&key.name, publish::short_proof(key))
    }
}

/// Finds a token and compares its serial number with the environment's and the record's.
pub(crate) fn check_serial(
    profile: &Profile,
    place: &TokenPlace,
    record: Option<&str>,
) -> Result<TokenName, CeremonyError> {
    let facts = find_token(profile, &place.name())?;
    let wrong = |rule| CeremonyError::WrongToken {
        token: place.label.clone(),
        rule,
    };
    if record.is_some_and(|serial| serial != facts.serial) {
        return Err(wrong("its serial number is not the recorded one"));
    }
    if place
        .serial
        .as_ref()
        .is_some_and(|serial| *serial != facts.serial)
    {
        return Err(wrong("its serial number is not the environment's"));
    }
    Ok(TokenName::Serial(facts.serial))
}

/// What a folder and the custody token say together, once the token proved that it is the folder's.
pub(crate) struct CustodyOfFolder {
    pub(crate) csk: Vec<u8>,
    pub(crate) inventory: Inventory,
    pub(crate) user: UserSession,
}

/// Opens the custody token for a folder. Anyone can make a folder whose documents agree with its own
/// `csk.spki`; so the token itself must sign afresh with the key of that file, and a token with another
/// serial number than the inventory's is not even offered the PIN. Nothing else of the folder is to be
/// believed earlier.
pub(crate) fn custody_of_folder(
    environment: &Environment,
    out: &Path,
) -> Result<CustodyOfFolder, CeremonyError> {
    let csk = folder::read_bytes(&out.join("csk.spki"))?;
    let signed = folder::read_text(&out.join("custody.inventory"), NOTE_BYTES_MAX)?;
    let inventory = Inventory::parse_verified(&signed, &csk)?;
    let entry = inventory.key("csk")?;
    if entry.public_key()? != csk {
        return Err(CustodyError::KeyMismatch {
            name: entry.name.clone(),
            rule: "the folder's csk.spki is another key",
        }
        .into());
    }
    let place = &environment.custody;
    let pin = place.user_pin()?;
    let user = UserSession::open_listed(&environment.profile, &place.name(), &inventory, &pin)?;
    let context = epoch_context(&inventory.project, inventory.epoch);
    user.check(entry, &context)?;
    Ok(CustodyOfFolder {
        csk,
        inventory,
        user,
    })
}

pub(crate) fn step_failed(step: &'static str, what: &str, source: CustodyError) -> CeremonyError {
    CeremonyError::Step {
        step,
        what: format!("{what} failed"),
        source,
    }
}
