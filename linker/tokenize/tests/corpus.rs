//! Repeats the fuzzer's corpus with an ordinary compiler.
#![expect(
    clippy::disallowed_methods,
    reason = "the corpus is a folder of files; the library itself reads none"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a corpus that cannot be read fails the test"
)]

mod targets;

use std::{fs, path::Path};

/// Bytes of all files, and of one of them.
const CORPUS_BYTES_MAX: usize = 500 * 1024;
const FILE_BYTES_MAX: usize = 4 * 1024;
/// Fewer files would mean that a folder was lost.
const FILES_MIN: usize = 3;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let entries = fs::read_dir(root.join(target)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpus_holds() {
    let mut whole = 0;
    for (name, target) in targets::ALL {
        let files = corpus(name);
        assert!(files.len() >= FILES_MIN, "{name} has {}", files.len());
        for (file, bytes) in files {
            assert!(bytes.len() <= FILE_BYTES_MAX, "{name}/{file}");
            whole += bytes.len();
            // A panic names the target's rule; this line names the file.
            println!("{name}/{file}");
            target(&bytes);
        }
    }
    assert!(whole <= CORPUS_BYTES_MAX, "{whole} bytes");
}

#[test]
fn every_file_cut_and_bent_holds() {
    for (name, target) in targets::ALL {
        for (file, bytes) in corpus(name) {
            println!("{name}/{file}");
            for at in (0..bytes.len()).step_by(1 + bytes.len() / 16) {
                target(&bytes[..at]);
                let mut bent = bytes.clone();
                bent[at] ^= 0x20;
                target(&bent);
            }
        }
    }
}

#[test]
fn targets_notice_what_does_not_hold() {
    let broken = std::panic::catch_unwind(|| {
        targets::judge(b"", &|_, sink| {
            sink(1, Err(linker_tokenize::RowError::Quote));
            Err(linker_tokenize::ReadError::Empty)
        })
    });
    assert!(broken.is_err(), "a refused file delivered a row");
}
