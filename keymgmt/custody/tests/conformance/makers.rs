//! Backup under one maker's token, restore in another's: the only way out when a maker is gone.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    CustodyError, Secret,
    backup::{self, Share},
    hierarchy::Label,
    inventory::KeyEntry,
    pkcs11::{BACKUP_KEY, RESTORE_KEY, SecretUse, UserSession},
};
use linker_token::CheckValue;

use crate::maker::Maker;
use crate::rig::{self, Rig, child, code, context};

const THRESHOLD: usize = 3;
const CUSTODIANS: usize = 5;

/// What a ceremony leaves: blob, shares, and of the transcript the check values and commitments.
struct Backup(PathBuf);

impl Backup {
    fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(&self.0).expect("a folder");
        fs::write(self.0.join(name), bytes).expect("writes");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).expect("reads")
    }

    fn check(&self, name: &str) -> CheckValue {
        CheckValue(self.read(name).try_into().expect("eight bytes"))
    }

    fn shares(&self, indexes: &[usize]) -> Vec<Share> {
        let read = |index: &usize| {
            let text = self.read(&format!("share-{index}"));
            Share::parse(str::from_utf8(&text).expect("text")).expect("parses")
        };
        indexes.iter().map(read).collect()
    }

    fn commitments(&self) -> BTreeMap<String, [u8; 32]> {
        let name = |index: usize| custodian(index);
        let read = |index| self.read(&format!("commitment-{index}"));
        let committed = |index| (name(index), read(index).try_into().expect("a hash"));
        (0..CUSTODIANS).map(committed).collect()
    }

    fn combine(&self, indexes: &[usize]) -> Result<Secret, CustodyError> {
        backup::combine(
            &self.shares(indexes),
            self.check("bk-check"),
            &self.commitments(),
        )
    }
}

fn custodian(index: usize) -> String {
    format!("custodian-{index}")
}

/// The folder of a round's backup, beside the folders of the tokens.
fn backup_of(rig: &Rig, round: &str) -> Backup {
    Backup(rig.folder.parent().expect("has one").join(round))
}

fn receipt(user: &UserSession, key: &KeyEntry) -> Secret {
    let derived = user.hmac(&key.name, &key.id, Label::Receipt, b"nonce");
    derived.expect("derives")
}

/// Splits a new backup key, wraps the encoding secret under it, and destroys both in the token.
fn back_up(rig: &Rig, lek: &KeyEntry, into: &Backup) {
    let officer = rig.officer();
    let key = officer.random().expect("random");
    let in_token = officer.import_backup_key(&key).expect("imports");
    drop(officer);
    let names: Vec<_> = (0..CUSTODIANS).map(custodian).collect();
    let shares = backup::split(&key, THRESHOLD, &names).expect("splits");
    for (index, share) in shares.iter().enumerate() {
        into.write(&format!("share-{index}"), share.to_text().as_bytes());
        into.write(&format!("commitment-{index}"), &share.commitment());
    }
    let check = backup::check_value(&key).expect("a check value");
    into.write("bk-check", &check.0);
    into.write("lek-check", &lek.check_value().expect("a secret").0);
    let user = rig.user();
    user.check_backup_key(&in_token, check)
        .expect("the right one");
    let blob = user.wrap_for_backup(&in_token, lek).expect("wraps");
    into.write("blob", &blob);
    user.destroy(BACKUP_KEY, &in_token).expect("destroys");
    user.destroy("lek", &lek.id).expect("destroys");
    user.prove_destroyed(lek).expect("gone");
}

/// The first token: makes the encoding secret.
fn make(rig: &Rig, into: &Backup) {
    rig.init();
    let user = rig.user();
    let lek = user.generate_secret("lek", SecretUse::Delivered, &context());
    let lek = lek.expect("generates");
    into.write("receipt", receipt(&user, &lek).expose());
    drop(user);
    back_up(rig, &lek, into);
}

/// All ways to choose so many custodians.
fn choices(many: usize) -> Vec<Vec<usize>> {
    (0..1_usize << CUSTODIANS)
        .map(|set| {
            (0..CUSTODIANS)
                .filter(|index| set >> index & 1 == 1)
                .collect::<Vec<_>>()
        })
        .filter(|chosen| chosen.len() == many)
        .collect()
}

fn fewer_or_wrong_shares_are_refused(from: &Backup) {
    for two in choices(2) {
        assert_eq!(code(from.combine(&two)), "MALFORMED", "{two:?} are too few");
    }
    for three in choices(THRESHOLD) {
        for wrong in 0..THRESHOLD {
            let mut shares = from.shares(&three);
            let share = shares.remove(wrong);
            let mut value = *share.value().expose();
            value[0] ^= 0x80;
            let altered = Share::from_value(
                share.set(),
                share.custodian(),
                share.index(),
                share.threshold(),
                share.shares(),
                Secret::take(&mut value),
            );
            shares.insert(wrong, altered.expect("its numbers are possible"));
            let combined = backup::combine(&shares, from.check("bk-check"), &from.commitments());
            match combined {
                Err(CustodyError::WrongShare { custodian }) => {
                    assert_eq!(custodian, self::custodian(three[wrong]));
                }
                other => panic!("{three:?}, wrong {wrong}: {other:?}"),
            }
        }
    }
}

/// Combines these custodians' shares and restores the encoding secret in this token.
fn restore(rig: &Rig, from: &Backup, indexes: &[usize]) -> KeyEntry {
    let key = from.combine(indexes).expect("combines");
    let officer = rig.officer();
    let in_token = officer.import_restore_key(&key).expect("imports");
    drop((officer, key));
    let user = rig.user();
    let blob = from.read("blob");
    let mut damaged = blob.clone();
    damaged[indexes[0]] ^= 1;
    let check = from.check("lek-check");
    let refused = user.restore("lek", &in_token, &damaged, &context(), check);
    assert_eq!(code(refused), "NOT_AUTHENTIC");
    let lek = user.restore("lek", &in_token, &blob, &context(), check);
    user.destroy(RESTORE_KEY, &in_token).expect("destroys");
    let lek = lek.expect("restores");
    user.check(&lek, &context())
        .expect("the same check value and rights");
    assert_eq!(
        receipt(&user, &lek).expose()[..],
        from.read("receipt"),
        "the same answers"
    );
    lek
}

/// Every quorum restores; the last one's key stays and is backed up anew.
fn restore_all(rig: &Rig, from: &Backup, into: &Backup) {
    rig.init();
    fewer_or_wrong_shares_are_refused(from);
    let choices = choices(THRESHOLD);
    assert_eq!(choices.len(), 10);
    for chosen in &choices {
        let lek = restore(rig, from, chosen);
        if chosen == choices.last().expect("ten") {
            into.write("receipt", &from.read("receipt"));
            back_up(rig, &lek, into);
        } else {
            let user = rig.user();
            user.destroy("lek", &lek.id).expect("destroys");
            user.prove_destroyed(&lek).expect("gone");
        }
    }
}

/// First maker, second maker, first maker again with an empty token.
fn there_and_back(test: &str, first: Maker, second: Maker) {
    if let Some((folder, step)) = rig::step() {
        let maker = if step == "there" { second } else { first };
        let rig = Rig::new(maker, folder);
        let backup = |round| backup_of(&rig, round);
        return match step.as_str() {
            "make" => make(&rig, &backup("made")),
            "there" => restore_all(&rig, &backup("made"), &backup("there")),
            "back" => restore_all(&rig, &backup("there"), &backup("back")),
            other => panic!("no step {other}"),
        };
    }
    let folder = tempfile::tempdir().expect("a folder");
    let token = |name: &str| -> PathBuf {
        let folder: &Path = folder.path();
        let token = folder.join(name);
        fs::create_dir(&token).expect("a folder");
        token
    };
    for (maker, step) in [(first, "make"), (second, "there"), (first, "back")] {
        child(maker, test, &token(&format!("token-{step}")), Some(step));
    }
    let read = |round: &str| fs::read(folder.path().join(round).join("lek-check"));
    let made = read("made").expect("reads");
    assert_eq!(
        made,
        read("back").expect("reads"),
        "the check value came back"
    );
}

#[test]
fn from_softhsm2_to_kryoptic_and_back() {
    let test = "makers::from_softhsm2_to_kryoptic_and_back";
    there_and_back(test, Maker::SoftHsm2, Maker::Kryoptic);
}
