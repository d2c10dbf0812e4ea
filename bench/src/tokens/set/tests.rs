//! A set is read back, and damage is named.

use linker_token::{Flags, RecordRef, Token};

use super::*;

const TEXT: &str = include_str!("../../../../linker/token/schemas/jp-1.toml");

fn request() -> Request {
    Request {
        tokens: 3,
        seed: 7,
        errors: "stress".to_owned(),
        maker: MAKER.to_owned(),
    }
}

fn write(folder: &Path) -> TokenSet {
    let mut writer = TokenSetWriter::create(folder, TEXT).expect("an empty folder");
    let schema = Schema::jp_1();
    for (site, people) in [(0, vec![4, 5]), (2, vec![4])] {
        let mut batch = TokenBatch::new(&schema);
        for &person in &people {
            let token = Token {
                reference: RecordRef([u8::try_from(person).expect("small"); 16]),
                flags: Flags::default(),
                row: vec![u64::from(person); schema.row_words()],
            };
            batch.push(&token).expect("fits");
        }
        writer.push(site, &batch, &people).expect("writes");
    }
    writer.finish(&request(), 6).expect("a whole set")
}

#[test]
fn a_set_is_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path());
    let set = TokenSet::matching(folder.path(), &Schema::jp_1(), &request()).expect("the same");
    assert_eq!((set.rows(), set.people()), (3, 6));
    assert_eq!(set.truth().expect("reads"), [4, 5, 4]);
    let (site, batch) = set.read(1).expect("reads");
    assert_eq!(
        (site, batch.len(), batch.row(0)[0], set.first_row(1)),
        (2, 1, 4, 2)
    );
    let other = Request {
        seed: 8,
        ..request()
    };
    assert!(TokenSet::matching(folder.path(), &Schema::jp_1(), &other).is_none());
    assert!(TokenSet::matching(folder.path(), &Schema::en_1(), &request()).is_none());
    write(folder.path());
}

#[test]
fn damage_is_named() {
    for (name, damage) in [
        ("00001.tok", None),
        ("truth.bin", None),
        ("00001.tok", Some(&b"short"[..])),
        ("truth.bin", Some(b"short")),
        ("tokens.json", Some(b"{}")),
        ("schema.toml", Some(b"name = 1")),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path());
        let path = folder.path().join(name);
        match damage {
            None => fs::remove_file(&path),
            Some(bytes) => fs::write(&path, bytes),
        }
        .expect("damages");
        let error = TokenSet::open(folder.path()).expect_err("damaged");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn bits_that_no_batch_has_are_refused_when_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = write(folder.path());
    let path = folder.path().join("00000.tok");
    let mut bytes = fs::read(&path).expect("reads");
    bytes[0] ^= 1;
    fs::write(&path, bytes).expect("writes");
    assert!(matches!(set.read(0), Err(BenchError::Named { .. })));
    assert!(set.read(1).is_ok());
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path());
    let other = folder.path().join("letter.txt");
    fs::write(&other, "mine").expect("writes");
    assert!(TokenSetWriter::create(folder.path(), TEXT).is_err());
    assert!(other.exists() && folder.path().join(DESCRIPTION).exists());
}
