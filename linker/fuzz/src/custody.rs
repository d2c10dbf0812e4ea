//! Documents of key custody: what is read of them before, and after, a signature is checked.
#![no_main]

use keymgmt_custody::{
    audit::{self, Checkpoint},
    backup::Share,
    enrolment::Enrolment,
    inventory::Inventory,
    note, oaep, p256,
    package::PackageReceipt,
    profile::Profile,
    site::EnrolRequest,
};
use libfuzzer_sys::fuzz_target;
use linker_token::SiteId;

/// The point of P-256 that everybody knows, as a public key: no signature of the fuzzer's verifies under it.
fn key() -> Vec<u8> {
    const POINT: [u8; 65] = {
        let x = *b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96";
        let y = *b"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
        let mut point = [4; 65];
        let mut at = 0;
        while at < 32 {
            point[1 + at] = x[at];
            point[33 + at] = y[at];
            at += 1;
        }
        point
    };
    p256::spki_of_point(&POINT)
}

fuzz_target!(|bytes: &[u8]| {
    let key = key();
    assert!(p256::check_spki("a key", &key).is_ok());
    let _checked = (p256::check_spki("a key", bytes), oaep::check_spki("a key", bytes));
    let (head, tail) = bytes.split_at(bytes.len().min(64));
    let signature: Result<[u8; 64], _> = head.try_into();
    if let Ok(signature) = signature {
        assert!(p256::verify_fixed("text", &key, tail, &signature).is_err());
        let der = p256::der_of_fixed(&signature);
        assert!(p256::verify_der("text", &key, tail, &der).is_err());
    }
    assert!(p256::verify_der("text", &key, tail, head).is_err());
    let hashes: Vec<audit::Hash> = bytes.as_chunks().0.to_vec();
    if let Some((root, proof)) = hashes.split_first() {
        let count = proof.len() as u64;
        let leaf = audit::leaf_hash(tail);
        assert!(audit::verify_inclusion(&leaf, count, count + 1, proof, root).is_err());
        let (old, new) = ((1 + count, root), (2 + count, &leaf));
        assert!(audit::verify_consistency(old, new, proof).is_err());
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let site = SiteId::parse("fuzz").expect("a good name");
    assert!(note::open("a note", text, "fuzz", &key).is_err());
    if let Ok(inner) = note::unverified_text("a note", text) {
        assert!(text.starts_with(inner) && inner.ends_with('\n'));
    }
    let _claimed = PackageReceipt::claimed_site(text);
    assert!(PackageReceipt::parse_verified(text, &site, &key).is_err());
    assert!(Enrolment::parse_verified(text, &key).is_err());
    assert!(Inventory::parse_verified(text, &key).is_err());
    assert!(Checkpoint::verify(text, "fuzz", &key).is_err());
    let _signed_by_itself = EnrolRequest::parse_verified(text).is_ok();
    let _profile = Profile::parse(text).is_ok();
    if let Ok(share) = Share::parse(text) {
        let again = Share::parse(&share.to_text()).expect("its own text");
        assert_eq!(*again.to_text(), *share.to_text());
    }
});
