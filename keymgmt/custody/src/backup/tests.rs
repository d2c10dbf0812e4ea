use super::*;

fn names(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("custodian-{number}"))
        .collect()
}

fn key() -> Secret {
    Secret::take(&mut [0x42; 32])
}

fn again(share: &Share) -> Share {
    Share::parse(&share.to_text()).expect("parses")
}

fn commitments(shares: &[Share]) -> BTreeMap<String, [u8; 32]> {
    let commit = |share: &Share| (share.custodian().to_owned(), share.commitment());
    shares.iter().map(commit).collect()
}

#[test]
fn any_threshold_of_shares_combines_and_fewer_never() {
    let shares = split(&key(), 3, &names(5)).expect("splits");
    let known = commitments(&shares);
    let check = check_value(&key()).expect("a check value");
    let pick = |indexes: &[usize]| -> Vec<Share> {
        indexes.iter().map(|index| again(&shares[*index])).collect()
    };
    for some in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
        assert!(combine(&pick(&some), check, &known).expect("combines") == key());
    }
    let refused = |some: &[usize]| {
        let refused = combine(&pick(some), check, &known).expect_err("must be refused");
        refused.code()
    };
    assert_eq!(refused(&[0, 1]), "MALFORMED", "too few");
    assert_eq!(refused(&[0, 1, 1]), "MALFORMED", "one twice");
    assert_eq!(refused(&[]), "MALFORMED", "none");
    let wrong = combine(&pick(&[0, 1, 2]), CheckValue([0; 8]), &known).expect_err("another key");
    assert_eq!(wrong.code(), "WRONG_SECRET");
}

#[test]
fn a_wrong_share_is_named() {
    let shares = split(&key(), 3, &names(5)).expect("splits");
    let known = commitments(&shares);
    let check = check_value(&key()).expect("a check value");
    let others = split(&key(), 3, &names(5)).expect("splits");
    let of_another_set = again(&others[2]);
    let altered = |index: u8, custodian: &str, bit: u8| {
        let mut value = *shares[2].value().expose();
        value[31] ^= bit;
        let set = shares[2].set();
        Share::from_value(set, custodian, index, 3, 5, Secret::take(&mut value))
            .expect("its numbers are possible")
    };
    let cases = [
        ("custodian-2", of_another_set),
        ("custodian-2", altered(3, "custodian-2", 1)),
        ("custodian-2", altered(4, "custodian-2", 0)),
        ("custodian-4", altered(3, "custodian-4", 0)),
        ("nobody", altered(3, "nobody", 0)),
    ];
    for (name, wrong) in cases {
        let tried = [again(&shares[0]), wrong, again(&shares[1])];
        match combine(&tried, check, &known) {
            Err(CustodyError::WrongShare { custodian }) => assert_eq!(custodian, name),
            other => panic!("{name}: {other:?}"),
        }
        let commitment = known.get(name).copied().unwrap_or_default();
        let refused = verify_share(&tried[1], &commitment).expect_err("a wrong share");
        assert_eq!(refused.code(), "WRONG_SHARE");
        assert!(refused.to_string().contains(name));
    }
    verify_share(&altered(3, "custodian-2", 0), &known["custodian-2"]).expect("the right one");
}

#[test]
fn damaged_shares_are_noticed() {
    let shares = split(&key(), 2, &names(2)).expect("splits");
    let text = shares[0].to_text();
    for (place, byte) in text.bytes().enumerate() {
        if byte == b'0' {
            let mut bad = text.as_bytes().to_vec();
            bad[place] = b'1';
            let bad = String::from_utf8(bad).expect("text");
            assert!(Share::parse(&bad).is_err(), "place {place}");
        }
    }
    let upper = text.to_uppercase();
    assert!(Share::parse(&upper).is_err(), "one form only");
    assert_ne!(shares[0].commitment(), shares[1].commitment());
}

#[test]
fn shares_with_impossible_numbers_are_refused() {
    let share = |custodian: &str, index, threshold, shares| {
        Share::from_value([1; 8], custodian, index, threshold, shares, key()).map(drop)
    };
    share("a", 5, 3, 5).expect("possible");
    share("a", 16, 16, 16).expect("the most");
    let long = "x".repeat(linker_token::limits::NAME_BYTES_MAX + 1);
    for (custodian, index, threshold, shares) in [
        ("a", 0, 3, 5),
        ("a", 6, 3, 5),
        ("a", 1, 1, 5),
        ("a", 1, 6, 5),
        ("a", 1, 3, 17),
        ("", 1, 3, 5),
        ("a\nindex 1", 1, 3, 5),
        (long.as_str(), 1, 3, 5),
    ] {
        let refused = share(custodian, index, threshold, shares).expect_err("impossible");
        assert_eq!(refused.code(), "MALFORMED");
    }
}

#[test]
fn quorums_have_limits() {
    assert!(split(&key(), 1, &names(3)).is_err());
    assert!(split(&key(), 4, &names(3)).is_err());
    assert!(split(&key(), 2, &names(CUSTODIANS_MAX)).is_ok());
    let refused = split(&key(), 2, &names(CUSTODIANS_MAX + 1)).expect_err("one past");
    assert_eq!(refused.code(), "TOO_LARGE");
}

/// RFC 3394 section 4.6: 256 bits of key data with a 256-bit KEK.
#[test]
fn blobs_are_rfc_3394() {
    let mut kek = [0; 32];
    let bytes = (0..).zip(&mut kek);
    bytes.for_each(|(number, byte)| *byte = number);
    let blob = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
    let blob = hex::decode(blob).expect("hexadecimal");
    let opened = open_blob(&Secret::take(&mut kek), &blob).expect("opens");
    let data = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";
    assert_eq!(hex::encode(opened.expose()), data);
    assert_eq!(
        open_blob(&key(), &blob).expect_err("another key").code(),
        "NOT_AUTHENTIC"
    );
}
