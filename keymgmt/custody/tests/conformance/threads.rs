//! Many sessions at once, and a cap on them.

use std::thread;

use keymgmt_custody::{
    Custody as _,
    hierarchy::{DerivingKey, Label},
    p256,
    pkcs11::UserSession,
    profile::Profile,
};
use sha2::{Digest as _, Sha256};

use crate::rig::{Rig, USER_PIN, code, context, pin, token};

const THREADS: usize = 8;
const OPERATIONS: usize = 200;

pub(crate) fn many_sessions_work_side_by_side(rig: &Rig) {
    let inventory = rig.appliance_token();
    let custody = rig.open(&inventory).expect("opens");
    let tmk = inventory.key("tmk").expect("is listed");
    let nonce = |thread: usize, operation: usize| {
        [thread, operation].map(|n| u8::try_from(n).expect("small"))
    };
    let alone: Vec<Vec<_>> = (0..THREADS)
        .map(|thread| {
            let derive = |operation| {
                custody
                    .derive(
                        DerivingKey::Tmk,
                        Label::Permutation,
                        &nonce(thread, operation),
                    )
                    .expect("derives")
            };
            (0..OPERATIONS).map(derive).collect()
        })
        .collect();
    let (custody, alone) = (&custody, &alone);
    thread::scope(|scope| {
        for (thread, expected) in alone.iter().enumerate() {
            scope.spawn(move || {
                let own = rig.user();
                for (operation, expected) in expected.iter().enumerate() {
                    let nonce = nonce(thread, operation);
                    let shared = custody.derive(DerivingKey::Tmk, Label::Permutation, &nonce);
                    assert!(shared.expect("derives") == *expected);
                    let mac = own.hmac("tmk", &tmk.id, Label::Permutation, &nonce);
                    assert!(mac.expect("derives") == *expected);
                }
                let message = nonce(thread, 0);
                let digest = Sha256::digest(message).into();
                let signature = custody.sign_audit(&digest).expect("signs");
                p256::verify_fixed("a test", custody.audit_public_key(), &message, &signature)
                    .expect("verifies");
                own.check(tmk, &context()).expect("is what it was");
            });
        }
    });
}

pub(crate) fn the_cap_of_sessions_is_respected(rig: &Rig) {
    let inventory = rig.appliance_token();
    let uncapped = rig.maker.profile_text();
    let mut text: String = uncapped
        .lines()
        .filter(|line| !line.starts_with("sessions"))
        .flat_map(|line| [line, "\n"])
        .collect();
    text.push_str("sessions = 3\n");
    let rig = &Rig {
        profile: Profile::parse(&text).expect("parses"),
        folder: rig.folder.clone(),
        maker: rig.maker,
    };
    let open = || UserSession::open(&rig.profile, &token(), &pin(USER_PIN));
    let custody = rig.open(&inventory).expect("the first");
    let second = open().expect("the second");
    let third = open().expect("the third");
    let refused = open().expect_err("one past");
    assert_eq!(refused.code(), "SESSION_LIMIT");
    assert!(refused.advice().contains("`sessions`"));
    assert_eq!(code(rig.open(&inventory)), "SESSION_LIMIT");
    custody.check_health().expect("those that are open go on");

    // A session that has to be opened anew waits for a free one, and takes it.
    drop(custody);
    let fourth = open().expect("its place");
    assert_eq!(code(rig.open(&inventory)), "SESSION_LIMIT");
    drop((second, fourth));
    let custody = rig.open(&inventory).expect("there is room");
    rig.raw_session().logout().expect("logs out");
    let fifth = open().expect("the last place");
    custody
        .check_health()
        .expect("its own place is counted once");
    drop((third, fifth));
}
