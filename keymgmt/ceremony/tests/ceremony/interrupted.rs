//! A ceremony that was interrupted goes on, ends, or says why it does not.

use crate::{
    killed::{REHEARSE, RESUME},
    rehearsal::check_both_sites_hold_one_secret,
    rig::{Room, good, refused},
};

#[test]
fn a_ceremony_that_changed_since_is_not_resumed() {
    let room = Room::new();
    assert!(room.killed_at(&REHEARSE, 4).is_some());
    let before = room.fingerprint();
    let unchanged = |output: &std::process::Output, code, exit| {
        refused(output, code, exit);
        assert_eq!(room.fingerprint(), before, "{code}");
    };
    let environment = room.text("environment.toml");
    room.write("environment.toml", &format!("{environment}\n# later\n"));
    unchanged(&room.run(&RESUME), "ENVIRONMENT_CHANGED", 64);
    room.write("environment.toml", &environment);
    unchanged(&room.rehearse(), "EXISTS", 1);
}

/// One run at a time, and a pause that only a test profile knows.
#[test]
fn a_folder_is_locked_while_a_ceremony_runs() {
    let room = Room::new();
    let (mut child, point) = room.held_at(&REHEARSE, 3).expect("paused");
    assert_eq!(point, "after token-init custody");
    for verb in [
        &RESUME[..],
        &[
            "abort",
            "--remark",
            "no",
            "--environment",
            "environment.toml",
            "--out",
            "out",
        ],
    ] {
        refused(&room.run(verb), "BUSY", 75);
    }
    child.kill().expect("kills");
    child.wait().expect("ends");
    good(&room.run(&RESUME));
}

/// Everything is done but for the signature: signing the end is what is left.
#[test]
fn an_unsigned_end_can_be_signed() {
    let room = Room::new();
    let point = room.killed_at(&REHEARSE, 32).expect("paused");
    assert_eq!(point, "after publish");
    refused(&room.verify_transcript(), "TRANSCRIPT_BROKEN", 65);
    let sign = [
        "transcript",
        "sign",
        "--environment",
        "environment.toml",
        "--out",
        "out",
    ];
    good(&room.run(&sign));
    good(&room.verify_transcript());
    room.accept("clinic");
    good(&room.receipt(&["clinic/receipt.note"]));
}

/// A line that was half written is set aside; a damaged one ends everything.
#[test]
fn a_torn_line_is_set_aside_and_a_damaged_one_is_not() {
    let room = Room::new();
    assert!(room.killed_at(&REHEARSE, 6).is_some());
    let whole = room.text("out/transcript.jsonl");
    room.write(
        "out/transcript.jsonl",
        &whole.replacen("serial", "cereal", 1),
    );
    refused(&room.run(&RESUME), "TRANSCRIPT_BROKEN", 65);
    room.write("out/transcript.jsonl", &format!("{whole}{{\"seq\":"));
    good(&room.run(&RESUME));
    let told = good(&room.verify_transcript());
    assert!(told.contains("EXCEPTION in line "), "{told}");
    check_both_sites_hold_one_secret(&room);
}

#[test]
fn an_aborted_ceremony_leaves_no_key_and_a_signed_record() {
    let room = Room::new();
    // The fifteenth point is inside of `generate dkek`: csk, lek, the backup and tmk exist.
    let point = room.killed_at(&REHEARSE, 15).expect("paused");
    assert_eq!(point, "inside generate dkek");
    let told = good(&room.verb("abort", &["--remark", "the film stopped"]));
    assert!(told.contains("the record is signed"), "{told}");
    good(&room.verify_transcript());
    let transcript = room.text("out/transcript.jsonl");
    assert!(
        transcript.contains("\"destroyed\":\"lek tmk\""),
        "{transcript}"
    );
    assert!(transcript.contains("\"left\":\"\""), "{transcript}");
    refused(&room.run(&RESUME), "CEREMONY_ENDED", 1);
    refused(&room.rehearse(), "EXISTS", 1);
    refused(
        &room.verb("abort", &["--remark", "again"]),
        "CEREMONY_ENDED",
        1,
    );

    let early = Room::new();
    assert!(early.killed_at(&REHEARSE, 3).is_some());
    let told = good(&early.verb("abort", &["--remark", "wrong recipe"]));
    assert!(told.contains("no key yet"), "{told}");
}

#[test]
fn remarks_stand_in_the_record_of_open_and_closed_ceremonies() {
    let room = Room::new();
    assert!(room.killed_at(&REHEARSE, 3).is_some());
    good(&room.verb("exception", &["--remark", "a bag was torn"]));
    good(&room.verb("break", &["--remark", "lunch"]));
    good(&room.run(&RESUME));
    good(&room.verb("exception", &["--remark", "found later"]));
    good(&room.verb("attest", &[]));
    let told = good(&room.verify_transcript());
    assert_eq!(told.matches("EXCEPTION").count(), 2, "{told}");
    assert!(told.contains("3 signed closings"), "{told}");
    let transcript = room.text("out/transcript.jsonl");
    for remark in [
        "a bag was torn",
        "lunch",
        "found later",
        "9 keys answer as listed",
    ] {
        assert!(transcript.contains(remark), "{remark}");
    }
}
