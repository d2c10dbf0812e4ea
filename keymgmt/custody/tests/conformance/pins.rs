//! A PIN that a token refuses is offered once. Kryoptic counts: the tenth wrong one locks it.

use cryptoki::{
    error::{Error, RvError},
    session::{Session, UserType},
    types::AuthPin,
};
use keymgmt_custody::{Custody as _, pkcs11::UserSession};

use crate::maker::Maker;
use crate::rig::{OFFICER_PIN, Rig, USER_PIN, code, in_child, pin, token};

/// Wrong PINs that Kryoptic calls wrong. The next one locks.
const KRYOPTIC_TRIES: usize = 9;

fn try_pin(session: &Session, pin: &str) -> Result<(), RvError> {
    match session.login(UserType::User, Some(&AuthPin::from(pin))) {
        Ok(()) => Ok(()),
        Err(Error::Pkcs11(code, _)) => Err(code),
        Err(other) => panic!("{other}"),
    }
}

/// While the appliance runs, the PIN is changed by another program, and the login is lost.
fn a_changed_pin_is_offered_once(rig: &Rig) {
    let inventory = rig.appliance_token();
    let custody = rig.open(&inventory).expect("opens");
    let session = rig.raw_session();
    let changed = AuthPin::from("changed-pin");
    let set = session.set_pin(&AuthPin::from(USER_PIN), &changed);
    set.expect("changes the PIN");
    custody.check_health().expect("the open session goes on");
    session.logout().expect("logs out");
    for _ in 0..2 * KRYOPTIC_TRIES {
        let refused = custody.check_health().expect_err("another PIN");
        assert_eq!(refused.code(), "WRONG_PIN");
        assert!(refused.advice().contains("before the next try"));
        let mut bytes = [0; 8];
        assert_eq!(
            code(custody.random(&mut bytes)),
            "WRONG_PIN",
            "nothing else works either"
        );
    }
    if rig.maker == Maker::Kryoptic {
        for attempt in 2..=KRYOPTIC_TRIES {
            let refused = try_pin(&session, "not-the-pin");
            assert_eq!(refused, Err(RvError::PinIncorrect), "attempt {attempt}");
        }
        let tenth = try_pin(&session, "not-the-pin");
        assert_eq!(tenth, Err(RvError::PinLocked), "the library tried once");
    } else {
        assert_eq!(try_pin(&session, "changed-pin"), Ok(()));
    }
    assert_eq!(
        code(custody.check_health()),
        "WRONG_PIN",
        "until this process is started anew"
    );
}

fn each_opening_is_one_try(rig: &Rig) {
    let inventory = rig.appliance_token();
    let live = rig.open(&inventory).expect("opens");
    drop(live);
    for attempt in 1..=KRYOPTIC_TRIES {
        let refused = if attempt % 2 == 0 {
            code(rig.open_with(&inventory, "not-the-pin"))
        } else {
            code(UserSession::open(
                &rig.profile,
                &token(),
                &pin("not-the-pin"),
            ))
        };
        assert_eq!(refused, "WRONG_PIN", "attempt {attempt}");
    }
    assert_eq!(code(rig.open_with(&inventory, "not-the-pin")), "PIN_LOCKED");
    let refused = rig.open(&inventory).expect_err("locked");
    assert_eq!(refused.code(), "PIN_LOCKED");
    assert!(refused.advice().contains("the security officer"));
    rig.officer();
}

/// The PIN is locked by another program while the appliance runs: its session goes on, and when its login
/// is lost, it says so and asks no more.
fn a_locked_pin_is_said(rig: &Rig) {
    let inventory = rig.appliance_token();
    let custody = rig.open(&inventory).expect("opens");
    let session = rig.raw_session();
    session.logout().expect("logs out");
    for _ in 0..KRYOPTIC_TRIES {
        assert_eq!(try_pin(&session, "not-the-pin"), Err(RvError::PinIncorrect));
    }
    assert_eq!(try_pin(&session, "not-the-pin"), Err(RvError::PinLocked));
    for _ in 0..3 {
        assert_eq!(code(custody.check_health()), "PIN_LOCKED");
    }
    // The security officer gives a new PIN; a process that was told of the old one asks no more.
    let officer = AuthPin::from(OFFICER_PIN);
    session
        .login(UserType::So, Some(&officer))
        .expect("logs in");
    session
        .init_pin(&AuthPin::from(USER_PIN))
        .expect("a new PIN");
    session.logout().expect("logs out");
    assert_eq!(code(custody.check_health()), "PIN_LOCKED");
    rig.open(&inventory)
        .expect("a new start")
        .check_health()
        .expect("healthy");
}

#[test]
fn softhsm2_a_changed_pin_is_offered_once() {
    let test = "pins::softhsm2_a_changed_pin_is_offered_once";
    in_child(Maker::SoftHsm2, test, a_changed_pin_is_offered_once);
}

#[test]
fn kryoptic_a_changed_pin_is_offered_once() {
    let test = "pins::kryoptic_a_changed_pin_is_offered_once";
    in_child(Maker::Kryoptic, test, a_changed_pin_is_offered_once);
}

#[test]
fn kryoptic_each_opening_is_one_try() {
    let test = "pins::kryoptic_each_opening_is_one_try";
    in_child(Maker::Kryoptic, test, each_opening_is_one_try);
}

#[test]
fn kryoptic_a_locked_pin_is_said() {
    let test = "pins::kryoptic_a_locked_pin_is_said";
    in_child(Maker::Kryoptic, test, a_locked_pin_is_said);
}
