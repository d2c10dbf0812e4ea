//! Batches and manifests survive the wire, and nothing else does.

use std::collections::BTreeMap;

use linker_token::{
    CheckValue, Epoch, Flags, Manifest, ProjectId, RecordRef, Schema, SchemaDigest, SiteId, Token,
    TokenBatch, limits,
};
use proptest::prelude::*;

fn manifest() -> Manifest {
    Manifest {
        site: SiteId::parse("hospital").expect("a name"),
        project: ProjectId::parse("demo").expect("a name"),
        epoch: Epoch(1),
        secret_check: CheckValue([1; 8]),
        schema: SchemaDigest([2; 32]),
        normaliser: "1".to_owned(),
        tables: "1".to_owned(),
        sequence: 0,
        last: true,
        rows: 3,
        digest: [3; 32],
        counts: BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]),
    }
}

fn batch(rows: usize) -> TokenBatch {
    let mut batch = TokenBatch::new(&Schema::jp_1());
    let token = Token {
        reference: RecordRef([9; 16]),
        flags: Flags::WEAK_EVIDENCE,
        row: vec![5; 16],
    };
    (0..rows).for_each(|_| batch.push(&token).expect("within the limit"));
    batch
}

#[test]
fn a_batch_ends_at_its_limit() {
    let mut full = batch(limits::BATCH_ROWS_MAX);
    let token = Token {
        reference: RecordRef([9; 16]),
        flags: Flags::default(),
        row: vec![5; 16],
    };
    assert!(full.push(&token).is_err());
    assert_eq!(
        TokenBatch::from_bytes(&Schema::jp_1(), &full.to_bytes()),
        Ok(full)
    );
}

proptest! {
    #[test]
    fn batches_round_trip(rows in 0_usize..20) {
        let batch = batch(rows);
        prop_assert_eq!(TokenBatch::from_bytes(&Schema::jp_1(), &batch.to_bytes()), Ok(batch));
    }

    #[test]
    fn a_changed_or_cut_manifest_is_another_or_none(at in 0_usize..200, bit in 0_u8..8, cut in 0_usize..200) {
        let bytes = manifest().to_bytes();
        prop_assert_eq!(Manifest::from_bytes(&bytes), Ok(manifest()));
        let mut changed = bytes.clone();
        let at = at % changed.len();
        changed[at] ^= 1 << bit;
        if let Ok(read) = Manifest::from_bytes(&changed) {
            prop_assert_eq!(read.to_bytes(), changed, "one canonical form");
            prop_assert_ne!(read.batch_id(), manifest().batch_id());
        }
        prop_assert!(Manifest::from_bytes(&bytes[..cut % bytes.len()]).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut framed = b"MSBBAT01".to_vec();
        framed.extend(&bytes);
        let _read = TokenBatch::from_bytes(&Schema::jp_1(), &framed);
        let mut framed = b"MSBMAN01".to_vec();
        framed.extend(&bytes);
        let _read = Manifest::from_bytes(&framed);
    }
}
