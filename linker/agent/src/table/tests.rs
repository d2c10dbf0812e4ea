use std::collections::BTreeMap;

use super::*;

fn seal() -> Seal {
    let keys = SiteKeys::generate().unwrap();
    Seal::new(Arc::new(keys), SiteId::parse("hospital").unwrap())
}

/// A reference that stands nowhere near its number in order.
fn reference(number: u64) -> RecordRef {
    let digest = Sha256::digest(number.to_be_bytes());
    RecordRef(*digest.first_chunk().unwrap())
}

fn all(folder: &Path, seal: &Seal) -> BTreeMap<RecordRef, String> {
    let mut found = BTreeMap::new();
    let mut last = None;
    let count = entries(folder, seal, &mut |reference, record| {
        assert!(last < Some(reference), "each once, in order");
        last = Some(reference);
        found.insert(reference, String::from_utf8(record.to_vec()).unwrap());
        Ok(())
    });
    assert_eq!(count.unwrap(), found.len() as u64);
    found
}

#[test]
fn the_table_holds_what_was_added_once_whatever_the_parts() {
    let (folder, seal) = (tempfile::tempdir().unwrap(), seal());
    let mut expected = BTreeMap::new();
    for run in 0..3 {
        let mut table = LinkageTable::open(folder.path(), seal.clone()).unwrap();
        // Runs find most records again.
        for number in 0..700 + run * 50 {
            table.add(reference(number), &format!("P{number}")).unwrap();
            expected.insert(reference(number), format!("P{number}"));
            if number % 3 == 0 {
                table.sync().unwrap();
            }
        }
        table.sync().unwrap();
        let parts = parts(folder.path(), &seal).unwrap().len();
        assert!(parts < 3 * PARTS_PER_LEVEL, "{parts} parts");
        assert_eq!(all(folder.path(), &seal), expected);
        table.settle().unwrap();
        assert_eq!(all(folder.path(), &seal), expected);
    }
    assert_eq!(
        find(folder.path(), &seal, reference(7)).unwrap().unwrap()[..],
        b"P7"[..]
    );
    assert!(
        find(folder.path(), &seal, reference(9_999))
            .unwrap()
            .is_none()
    );
    assert!(!files(folder.path()).unwrap().iter().any(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(16).any(|window| window == reference(7).0)
    }));
}

#[test]
fn entries_that_are_found_again_do_not_pile_up() {
    let (folder, seal) = (tempfile::tempdir().unwrap(), seal());
    let mut sizes = Vec::new();
    for _run in 0..6 {
        let mut table = LinkageTable::open(folder.path(), seal.clone()).unwrap();
        for number in 0..2_000 {
            table.add(reference(number), "P").unwrap();
        }
        table.settle().unwrap();
        let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
        sizes.push(files(folder.path()).unwrap().iter().map(size).sum::<u64>());
    }
    assert!(
        sizes.iter().all(|&size| size <= sizes[0] * 3 / 2),
        "{sizes:?}"
    );
}

#[test]
fn a_crash_leaves_a_good_table() {
    let (folder, seal) = (tempfile::tempdir().unwrap(), seal());
    let mut table = LinkageTable::open(folder.path(), seal.clone()).unwrap();
    table.add(reference(1), "one").unwrap();
    table.sync().unwrap();
    let first = parts(folder.path(), &seal).unwrap()[0].path(folder.path());
    let kept = fs::read(&first).unwrap();
    table.add(reference(2), "two").unwrap();
    table.settle().unwrap();
    // As if the merger had ended between the new part and the removal of the old one.
    fs::write(&first, kept).unwrap();
    // As if a part had been cut off while it was written.
    fs::write(first.with_extension(UNFINISHED), b"musubi ta").unwrap();
    let table = LinkageTable::open(folder.path(), seal.clone()).unwrap();
    assert!(!first.with_extension(UNFINISHED).exists());
    assert_eq!(table.parts.len(), 2);
    assert_eq!(all(folder.path(), &seal).len(), 2);
}

#[test]
fn every_altered_byte_and_every_cut_is_found() {
    let (folder, seal) = (tempfile::tempdir().unwrap(), seal());
    let mut table = LinkageTable::open(folder.path(), seal.clone()).unwrap();
    table.add(reference(1), "one").unwrap();
    table.add(reference(2), "two").unwrap();
    table.sync().unwrap();
    let path = parts(folder.path(), &seal).unwrap()[0].path(folder.path());
    let good = fs::read(&path).unwrap();
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        entries(folder.path(), &seal, &mut |_, _| Ok(()))
    };
    assert_eq!(read(&good).unwrap(), 2);
    for index in 0..good.len() {
        let mut bad = good.clone();
        bad[index] ^= 1;
        let error = read(&bad).unwrap_err();
        assert_eq!(error.fault(), Fault::StateDamaged, "byte {index}");
        let error = read(&good[..index]).unwrap_err();
        assert_eq!(error.fault(), Fault::StateDamaged, "cut at {index}");
    }
    assert!(read(&[&good[..], b"x"].concat()).is_err());
}

#[test]
fn other_keys_see_another_table() {
    let (folder, first, second) = (tempfile::tempdir().unwrap(), seal(), seal());
    let mut table = LinkageTable::open(folder.path(), first.clone()).unwrap();
    table.add(reference(1), "one").unwrap();
    table.settle().unwrap();
    let mut table = LinkageTable::open(folder.path(), second.clone()).unwrap();
    table.add(reference(2), "two").unwrap();
    table.settle().unwrap();
    assert_eq!(all(folder.path(), &first).len(), 1);
    assert_eq!(all(folder.path(), &second).len(), 1);
    // The same name for a part of other keys does not open it.
    let [path, _] = &files(folder.path()).unwrap()[..] else {
        unreachable!("two parts");
    };
    let taken = Name::of(path).unwrap();
    let other = if taken.prefix == first.prefix {
        &second
    } else {
        &first
    };
    let renamed = Name {
        prefix: other.prefix.clone(),
        number: 99,
        ..taken
    };
    fs::rename(path, renamed.path(folder.path())).unwrap();
    assert!(entries(folder.path(), other, &mut |_, _| Ok(())).is_err());
}

#[test]
fn a_list_in_clear_is_taken_over_and_removed() {
    let (folder, seal) = (tempfile::tempdir().unwrap(), seal());
    let clear = folder.path().join("lookup.csv");
    let (one, two, three) = ("01".repeat(16), "02".repeat(16), "03".repeat(16));
    let text = format!("reference,record\n{one},\"a,\"\"b\"\"\"\n{two},plain\n{three},cut");
    fs::write(&clear, text).unwrap();
    let place = folder.path().join("table");
    let mut table = LinkageTable::open(&place, seal.clone()).unwrap();
    assert_eq!(table.take_over(&clear).unwrap(), 2);
    assert!(!clear.exists());
    assert_eq!(table.take_over(&clear).unwrap(), 0, "once");
    let found: Vec<String> = all(&place, &seal).into_values().collect();
    assert_eq!(found, ["a,\"b\"", "plain"]);
}

#[test]
fn one_past_the_longest_record_is_refused() {
    let (folder, seal) = (tempfile::tempdir().unwrap(), seal());
    let mut table = LinkageTable::open(folder.path(), seal.clone()).unwrap();
    let long = "x".repeat(part::RECORD_BYTES_MAX);
    table.add(reference(1), &long).unwrap();
    assert!(table.add(reference(2), &(long.clone() + "x")).is_err());
    table.settle().unwrap();
    assert_eq!(all(folder.path(), &seal)[&reference(1)], long);
}
