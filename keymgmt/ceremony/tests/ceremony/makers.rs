//! Two makers: a ceremony on the second one's tokens, and a secret that changes the maker.

use crate::rig::{Room, good};

/// Kryoptic as `./run test` builds it: <target>/kryoptic, where this program lies in <target>/<profile>/deps.
fn kryoptic(room: &Room) {
    let this = std::env::current_exe().expect("this binary");
    let target = this.ancestors().nth(3).expect("a target folder");
    let module = target.join("kryoptic/release/libkryoptic_pkcs11.so");
    let told = "is missing: `./run test` puts it there";
    assert!(module.exists(), "{} {told}", module.display());
    let profile = include_str!("../../../custody/profiles/kryoptic.toml");
    let shipped = "target/kryoptic/release/libkryoptic_pkcs11.so";
    assert!(profile.contains(shipped));
    let profile = profile.replace(shipped, &module.display().to_string());
    room.write("kryoptic.toml", &profile);
    let slot = |number: u8| {
        let file = room.at(&format!("{number}.sql"));
        let file = file.display();
        format!("[[slots]]\nslot = {number}\ndbtype = \"sqlite\"\ndbargs = \"{file}\"\n")
    };
    let slots: String = (1..=2).map(slot).collect();
    room.write("kryoptic.conf", &slots);
}

/// The way out when a maker is gone: a whole ceremony on a second maker's tokens, and a secret of the first
/// maker's restored there.
#[test]
fn a_secret_is_restored_on_another_makers_token() {
    let room = Room::new();
    kryoptic(&room);
    let environment = room.text("environment.toml");
    let elsewhere = environment
        .replace("\"softhsm2.toml\"", "\"kryoptic.toml\"")
        .replace("\"musubi-custody\"", "\"musubi-spare\"");
    room.write("elsewhere.toml", &elsewhere);
    let place = ["--environment", "elsewhere.toml", "--out", "out-2"];
    good(&room.run(&[&["rehearse", "--recipe", "recipe.toml"], &place[..]].concat()));
    good(&room.run(&[&["inventory"], &place[..]].concat()));

    good(&room.rehearse());
    let spare = "\n[restore]\nprofile = \"kryoptic.toml\"\n[restore.token]\nlabel = \"musubi-spare\"\nofficer_pin_file = \"custody-officer.pin\"\nuser_pin_file = \"custody-user.pin\"\n";
    room.write("environment.toml", &format!("{environment}{spare}"));
    room.recipe("drill.toml", &["restore"], "");
    good(&room.rehearse_recipe("drill.toml"));
    let serial = room.inventory("out-2", "custody").serial;
    let transcript = room.text("out/transcript.jsonl");
    let mut lines = transcript.lines();
    let drill = lines.find(|line| line.contains("the check value is right"));
    let drill = drill.expect("a line");
    assert!(
        drill.contains(&format!("\"serial\":\"{serial}\"")),
        "{drill}"
    );
    good(&room.verify_transcript());

    // The end of the epoch reaches the copy on the other maker's token too.
    room.recipe("destroy.toml", &["destroy"], "");
    good(&room.rehearse_recipe("destroy.toml"));
    let certificate = room.text("out/destruction.signed");
    assert!(certificate.contains("\nkey restored lek "), "{certificate}");
    good(&room.verify_transcript());
}
