//! One suite for every PKCS#11 module: what Musubi asks of a token, and what it does when one fails.
//!
//! Each scenario runs against SoftHSM2 and against Kryoptic, and against a third module whose profile
//! the environment variable `MUSUBI_PKCS11_PROFILE` names (see `rig`). Each runs in a process of its own,
//! because a module keeps global state and reads its configuration once.

#![expect(
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests: what is not expected ends the test"
)]

mod appliance;
mod faults;
mod inventory;
mod keys;
mod maker;
mod makers;
mod papers;
mod pins;
mod restore;
mod rig;
mod served;
mod threads;
mod told;

use maker::Maker;

/// Makes a test of each scenario for each module. Names of tests and of scenarios agree, because the
/// child is told its test by name.
macro_rules! conformance {
    ($($file:ident :: $scenario:ident,)+) => {
        const SCENARIOS: &[rig::Named] =
            &[$((stringify!($scenario), $file::$scenario),)+];

        mod softhsm2 {
            $(#[test] fn $scenario() {
                let test = concat!("softhsm2::", stringify!($scenario));
                crate::rig::in_child(crate::Maker::SoftHsm2, test, crate::$file::$scenario);
            })+
        }

        mod kryoptic {
            $(#[test] fn $scenario() {
                let test = concat!("kryoptic::", stringify!($scenario));
                crate::rig::in_child(crate::Maker::Kryoptic, test, crate::$file::$scenario);
            })+
        }
    };
}

conformance! {
    appliance::the_appliance_token_does_its_work,
    appliance::wrong_pins_tokens_and_inventories_are_refused,
    keys::the_portable_core_works,
    keys::every_key_has_its_rights_and_no_more,
    keys::the_secret_leaves_to_enrolled_sites_only,
    inventory::an_inventory_is_checked_key_by_key,
    told::nothing_secret_is_printed,
    restore::a_key_is_backed_up_destroyed_and_restored,
    restore::what_is_destroyed_is_proved_to_be_gone,
    threads::many_sessions_work_side_by_side,
    threads::the_cap_of_sessions_is_respected,
}

/// The third module, one scenario after the other: it may have one token only.
#[test]
fn a_module_named_from_outside() {
    rig::named("a_module_named_from_outside", SCENARIOS);
}
