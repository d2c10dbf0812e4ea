//! Cosignatures judged by somebody else's code.
//!
//! `signed_note` 0.2 (Cloudflare) computes the key id, splits the note, and verifies the Ed25519 signature with
//! `ed25519-dalek`, while ours is made with AWS-LC. It knows Ed25519 only as type 0x01, so it gets the signed
//! message of the cosignature as if it were a note's text.

use keymgmt_custody::{
    Custody as _, Secret,
    audit::{Checkpoint, Tree, leaf_hash},
    cosignature::{Witness, WitnessKey},
    software::SoftwareCustody,
};
use signed_note::{Note, StandardVerifier, Verifier as _};

#[test]
fn another_implementation_verifies_our_cosignature() {
    let log = SoftwareCustody::danger_for_tests(1);
    let root = Tree::from_leaves(&[leaf_hash(b"one")]).root();
    let note = Checkpoint::sign("musubi.example/log", 1, &root, &log).expect("signs");
    let witness = Witness::from_seed("witness.example", &Secret::take(&mut [9; 32]));
    let witness = witness.expect("a witness");
    let time = 1_800_000_000;
    let cosigned = witness
        .public()
        .cosign(&note, time, |message| witness.sign(message))
        .expect("cosigned");

    // The verifier key: name, key id over name and type 0x04, key.
    let text = witness.public().to_text();
    let parts: Vec<&str> = text.splitn(3, '+').collect();
    let encoded = data(parts[2]);
    assert_eq!(encoded[0], 0x04);
    let id = signed_note::key_id("witness.example", &encoded);
    assert_eq!(parts[1], format!("{id:08x}"));
    assert_eq!(WitnessKey::parse(&text).expect("reads"), *witness.public());

    let parsed = Note::from_bytes(cosigned.as_bytes()).expect("a note");
    assert_eq!(parsed.to_bytes(), cosigned.as_bytes());
    let line = cosigned.lines().next_back().expect("two signatures");
    let signature = signed_note::Signature::from_bytes(line.as_bytes()).expect("a line");
    assert_eq!((signature.name(), signature.id()), ("witness.example", id));
    let body = signature.signature();
    assert_eq!(body.len(), 8 + 64);
    assert_eq!(body[..8], u64::to_be_bytes(time));
    let checkpoint = std::str::from_utf8(parsed.text()).expect("text");
    let message = format!("cosignature/v1\ntime {time}\n{checkpoint}");
    // The same 32 bytes of key under the type that the crate knows.
    let mut as_note_key = encoded.clone();
    as_note_key[0] = 0x01;
    let id = signed_note::key_id("witness.example", &as_note_key);
    let key = base(&as_note_key);
    let verifier = StandardVerifier::new(&format!("witness.example+{id:08x}+{key}"));
    let verifier = verifier.expect("a key");
    assert!(verifier.verify(message.as_bytes(), &body[8..]));
    assert!(!verifier.verify(checkpoint.as_bytes(), &body[8..]));
    assert!(Checkpoint::verify(&cosigned, "musubi.example/log", log.audit_public_key()).is_ok());
}

fn data(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("base64")
}

fn base(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
