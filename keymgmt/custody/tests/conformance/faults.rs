//! Tokens that go away, come back, or are exchanged for others.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cryptoki::{session::UserType, types::AuthPin};
use keymgmt_custody::{
    Custody as _,
    hierarchy::{DerivingKey, Label},
    pkcs11::{AppliancePkcs11, TokenFacts, TokenName, UserSession, find_token},
};
use linker_token::Epoch;

use crate::maker::Maker;
use crate::papers;
use crate::rig::{
    self, LABEL, OFFICER_PIN, Rig, USER_PIN, child, code, in_child, pin, project, token,
};

const OTHER_PIN: &str = "pin-of-the-other-token";

/// The store of a software token vanishes under the open session and comes back.
fn a_lost_token_is_found_again_without_restart(rig: &Rig) {
    let inventory = rig.appliance_token();
    let custody = rig.open(&inventory).expect("opens");
    let derive = || custody.derive(DerivingKey::Tmk, Label::Permutation, b"c");
    let seed = derive().expect("derives");
    let (tokens, gone) = (rig.folder.join("tokens"), rig.folder.join("gone"));
    fs::rename(&tokens, &gone).expect("moves");
    fs::create_dir(&tokens).expect("a folder");
    if rig.maker == Maker::Kryoptic {
        // It goes on with the files that it has open.
        assert!(derive().expect("derives") == seed);
    } else {
        for _ in 0..3 {
            let refused = custody.check_health().expect_err("the token is gone");
            assert_eq!(refused.code(), "TOKEN_NOT_FOUND");
        }
    }
    fs::remove_dir_all(&tokens).expect("removes");
    fs::rename(gone, tokens).expect("moves back");
    custody.check_health().expect("healthy again");
    assert!(derive().expect("derives") == seed);
}

/// A second token with the label of the first and another PIN, made past the library, which refuses to.
fn a_namesake(rig: &Rig) -> TokenFacts {
    let first = find_token(&rig.profile, &token())
        .expect("the only one")
        .serial;
    let (context, _) = rig.raw();
    let slots = context.get_slots_with_token().expect("slots");
    let free = |slot: &cryptoki::slot::Slot| {
        let info = context.get_token_info(*slot);
        !info.expect("tells").token_initialized()
    };
    let free = slots.into_iter().find(free).expect("a free slot");
    let officer = AuthPin::from(OFFICER_PIN);
    context
        .init_token(free, &officer, LABEL)
        .expect("initialises");
    let slots = context.get_slots_with_initialized_token().expect("slots");
    let second = slots.into_iter().find_map(|slot| {
        let info = context.get_token_info(slot).expect("tells");
        (info.serial_number() != first).then(|| (slot, info.serial_number().to_owned()))
    });
    let (slot, serial) = second.expect("two tokens");
    let session = context.open_rw_session(slot).expect("a session");
    session
        .login(UserType::So, Some(&officer))
        .expect("logs in");
    session.init_pin(&AuthPin::from(OTHER_PIN)).expect("a PIN");
    find_token(&rig.profile, &TokenName::Serial(serial)).expect("by serial number")
}

fn two_tokens_with_one_label_are_told_apart(rig: &Rig) {
    let inventory = rig.appliance_token();
    let other = a_namesake(rig);
    assert_ne!(other.serial, inventory.serial);
    assert_eq!(other.label, inventory.label);
    let refused = find_token(&rig.profile, &token()).expect_err("two");
    assert_eq!(refused.code(), "TOKEN_AMBIGUOUS");
    assert!(refused.advice().contains("serial number"));
    assert_eq!(code(rig.open(&inventory)), "TOKEN_AMBIGUOUS");
    // A wrong PIN would be noticed if it were offered.
    assert_eq!(
        code(rig.open_with(&inventory, "not-the-pin")),
        "TOKEN_AMBIGUOUS"
    );
    let by = |serial: &str| {
        let name = TokenName::Serial(serial.to_owned());
        let profile = &rig.profile;
        AppliancePkcs11::open(
            profile,
            name,
            pin(USER_PIN),
            &inventory,
            &project(),
            Epoch(1),
        )
    };
    by(&inventory.serial)
        .expect("opens")
        .check_health()
        .expect("healthy");
    assert_eq!(code(by(&other.serial)), "KEY_MISMATCH");
    let name = TokenName::Serial(other.serial);
    UserSession::open(&rig.profile, &name, &pin(OTHER_PIN)).expect("its own PIN");
}

/// A token with its inventory, and a namesake that lies aside. In a process of its own, because the
/// module does not bear that a token is taken away.
fn with_a_namesake_aside(rig: &Rig) {
    papers::leave(rig, &rig.appliance_token());
    let first = listed(&rig.folder.join("tokens"));
    a_namesake(rig);
    for path in listed(&rig.folder.join("tokens")) {
        if !first.contains(&path) {
            fs::rename(path, rig.folder.join("namesake")).expect("moves");
        }
    }
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// Another token with the same label and another PIN takes the place of the first while the appliance
/// runs.
fn another_token_takes_its_place(rig: &Rig) {
    let inventory = papers::read(&rig.folder);
    let custody = rig.open(&inventory).expect("opens");
    custody.check_health().expect("healthy");
    let place = &listed(&rig.folder.join("tokens"))[0];
    let (aside, namesake) = (rig.folder.join("aside"), rig.folder.join("namesake"));
    fs::rename(place, &aside).expect("moves");
    fs::rename(&namesake, place).expect("moves");
    for _ in 0..3 {
        let refused = custody.check_health().expect_err("another token");
        assert_eq!(
            refused.code(),
            "KEY_MISMATCH",
            "{refused}: its PIN would be wrong, had it been offered"
        );
    }
    fs::rename(place, &namesake).expect("moves");
    fs::rename(&aside, place).expect("moves back");
    custody.check_health().expect("the right one again");
}

#[test]
fn softhsm2_a_lost_token_is_found_again_without_restart() {
    let test = "faults::softhsm2_a_lost_token_is_found_again_without_restart";
    in_child(
        Maker::SoftHsm2,
        test,
        a_lost_token_is_found_again_without_restart,
    );
}

#[test]
fn kryoptic_a_lost_token_is_found_again_without_restart() {
    let test = "faults::kryoptic_a_lost_token_is_found_again_without_restart";
    in_child(
        Maker::Kryoptic,
        test,
        a_lost_token_is_found_again_without_restart,
    );
}

#[test]
fn softhsm2_two_tokens_with_one_label_are_told_apart() {
    let test = "faults::softhsm2_two_tokens_with_one_label_are_told_apart";
    in_child(
        Maker::SoftHsm2,
        test,
        two_tokens_with_one_label_are_told_apart,
    );
}

#[test]
fn kryoptic_two_tokens_with_one_label_are_told_apart() {
    let test = "faults::kryoptic_two_tokens_with_one_label_are_told_apart";
    in_child(
        Maker::Kryoptic,
        test,
        two_tokens_with_one_label_are_told_apart,
    );
}

/// Kryoptic keeps its files open, so an exchange is not seen before the process is started anew.
#[test]
fn softhsm2_another_token_in_its_place_is_not_offered_the_pin() {
    let test = "faults::softhsm2_another_token_in_its_place_is_not_offered_the_pin";
    if let Some((folder, step)) = rig::step() {
        let rig = Rig::new(Maker::SoftHsm2, folder);
        return match step.as_str() {
            "make" => with_a_namesake_aside(&rig),
            _ => another_token_takes_its_place(&rig),
        };
    }
    let folder = tempfile::tempdir().expect("a folder");
    for step in ["make", "exchange"] {
        child(Maker::SoftHsm2, test, folder.path(), Some(step));
    }
}
