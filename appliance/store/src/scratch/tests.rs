//! Small frames, so that little bytes make many of them.

use std::{collections::BTreeMap, fs};

use proptest::{collection::vec, prelude::*};
use tempfile::TempDir;

use super::*;

const FRAME: usize = 64;
const SEALED: usize = FRAME + 16;

fn room() -> ScratchRoom {
    ScratchRoom {
        planned_bytes: 0,
        bytes_max: 1 << 20,
        buffer_bytes: 3 * FRAME,
    }
}

fn open(folder: &TempDir) -> SealedScratch {
    SealedScratch::with_frames(folder.path(), room(), FRAME).expect("opens")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn taken(scratch: &mut SealedScratch, part: u32) -> Result<Vec<u8>, StoreError> {
    let mut all = Vec::new();
    scratch.take(part, &mut |bytes| all.extend_from_slice(bytes))?;
    Ok(all)
}

/// The files of parts, sorted: in the order in which the parts were named.
fn parts(folder: &TempDir) -> Vec<PathBuf> {
    let names = files::list(folder.path()).expect("lists");
    let ours = names.iter().filter(|name| part::is_ours(name));
    ours.map(|name| folder.path().join(name)).collect()
}

fn bytes(seed: usize, count: usize) -> Vec<u8> {
    let bytes = (0..count).map(|at| (seed * 31 + at * 7 + at / 251) % 256);
    bytes
        .map(|byte| u8::try_from(byte).expect("a byte"))
        .collect()
}

/// Two parts of five frames each, and a sixth that waits in memory.
fn filled(folder: &TempDir) -> SealedScratch {
    let mut scratch = open(folder);
    for part in 0..2 {
        let all = bytes(part as usize, 5 * FRAME + 9);
        scratch.append(part, &all).expect("kept");
    }
    assert_eq!(scratch.bytes(), 10 * SEALED as u64);
    scratch
}

#[derive(Debug, Clone)]
enum Step {
    Append(u32, usize),
    Take(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (0_u32..7, 0_usize..4 * FRAME).prop_map(|(part, count)| Step::Append(part, count));
    vec(
        prop_oneof![5 => append, 1 => (0_u32..7).prop_map(Step::Take)],
        0..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_holds_what_a_map_would(steps in steps()) {
        let folder = folder();
        let mut scratch = open(&folder);
        let mut model: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for (seed, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(part, count) => {
                    let bytes = bytes(seed, count);
                    scratch.append(part, &bytes).expect("kept");
                    model.entry(part).or_default().extend(bytes);
                }
                Step::Take(part) => {
                    let wanted = model.remove(&part).unwrap_or_default();
                    prop_assert_eq!(taken(&mut scratch, part).expect("whole"), wanted);
                }
            }
            let capacity = scratch.parts.values().map(|part| part.buffer.capacity());
            prop_assert_eq!(scratch.buffered, capacity.sum::<usize>());
            prop_assert!(scratch.buffered <= 3 * FRAME);
            let files = parts(&folder).iter().map(|path| path.metadata().expect("a file").len()).sum();
            prop_assert_eq!(scratch.bytes(), files);
            prop_assert!(scratch.peak_bytes() >= scratch.bytes());
        }
        for part in 0..7 {
            let wanted = model.remove(&part).unwrap_or_default();
            prop_assert_eq!(taken(&mut scratch, part).expect("whole"), wanted);
        }
        prop_assert_eq!(scratch.bytes(), 0);
        prop_assert_eq!(parts(&folder).len(), 0);
    }
}

#[test]
fn every_flipped_bit_is_damage() {
    let folder = folder();
    let mut flips = 0;
    for at in 0..5 * SEALED {
        let mut scratch = filled(&folder);
        let path = &parts(&folder)[1];
        let mut sealed = fs::read(path).expect("reads");
        sealed[at] ^= 1 << (at % 8);
        fs::write(path, sealed).expect("writes");
        let mut whole = 0;
        let read = scratch.take(1, &mut |bytes| whole += bytes.len());
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "byte {at}");
        assert_eq!(whole, at / SEALED * FRAME, "frames before it were good");
        assert_eq!(parts(&folder).len(), 0, "nothing is left");
        flips += 1;
    }
    assert_eq!(flips, 400);
}

#[test]
fn frames_and_files_in_another_place_are_damage() {
    type Harm = fn(&[PathBuf]);
    let harms: [(&str, Harm); 6] = [
        ("frames change places", |paths| {
            let mut sealed = fs::read(&paths[1]).expect("reads");
            let (one, other) = sealed.split_at_mut(3 * SEALED);
            one[SEALED..2 * SEALED].swap_with_slice(&mut other[..SEALED]);
            fs::write(&paths[1], sealed).expect("writes");
        }),
        ("a frame of another part", |paths| {
            let other = fs::read(&paths[0]).expect("reads");
            let mut sealed = fs::read(&paths[1]).expect("reads");
            sealed[..SEALED].copy_from_slice(&other[..SEALED]);
            fs::write(&paths[1], sealed).expect("writes");
        }),
        ("the file of another part", |paths| {
            fs::copy(&paths[0], &paths[1]).expect("copies");
        }),
        ("cut by a frame", |paths| {
            let sealed = fs::read(&paths[1]).expect("reads");
            fs::write(&paths[1], &sealed[SEALED..]).expect("writes");
        }),
        ("one byte more", |paths| {
            let mut sealed = fs::read(&paths[1]).expect("reads");
            sealed.push(0);
            fs::write(&paths[1], sealed).expect("writes");
        }),
        ("no file", |paths| {
            fs::remove_file(&paths[1]).expect("removes")
        }),
    ];
    for (name, harm) in harms {
        let folder = folder();
        let mut scratch = filled(&folder);
        harm(&parts(&folder));
        let read = taken(&mut scratch, 1).map(|bytes| bytes.len());
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{name}");
    }
}

#[test]
fn a_part_of_an_earlier_time_or_run_is_damage() {
    let folder = folder();
    let mut scratch = filled(&folder);
    let old = fs::read(&parts(&folder)[1]).expect("reads");
    taken(&mut scratch, 1).expect("whole");
    let again = bytes(1, 5 * FRAME + 9);
    scratch.append(1, &again).expect("kept");
    let now = &parts(&folder)[1];
    assert_ne!(
        fs::read(now).expect("reads"),
        old,
        "the same rows, other bytes"
    );
    fs::write(now, &old).expect("writes");
    assert!(taken(&mut scratch, 1).is_err());
    drop(scratch);

    let mut scratch = filled(&folder);
    fs::write(&parts(&folder)[1], &old).expect("writes");
    assert!(taken(&mut scratch, 1).is_err());
}

#[test]
fn the_most_allowed_bytes_are_a_bound() {
    let folder = folder();
    let bound = ScratchRoom {
        bytes_max: 3 * SEALED as u64,
        ..room()
    };
    let mut scratch = SealedScratch::with_frames(folder.path(), bound, FRAME).expect("opens");
    scratch
        .append(0, &bytes(0, 3 * FRAME))
        .expect("fits to the byte");
    taken(&mut scratch, 0).expect("whole");
    scratch
        .append(1, &bytes(0, 3 * FRAME + 5))
        .expect("the rest waits in memory");
    let full = scratch.append(2, &bytes(0, FRAME));
    assert!(matches!(full, Err(StoreError::DiskFull)));
    assert_eq!((parts(&folder).len(), scratch.bytes()), (0, 0));
    assert_eq!(scratch.peak_bytes(), 3 * SEALED as u64);
    let later = scratch.append(1, b"more").expect_err("it failed");
    assert_eq!(later.code(), "REFUSED");
    assert_eq!(
        taken(&mut scratch, 1).expect_err("it failed").code(),
        "REFUSED"
    );
}

#[test]
fn a_plan_without_room_is_refused_before_the_run() {
    let folder = folder();
    let planned = |planned_bytes, bytes_max| {
        let room = ScratchRoom {
            planned_bytes,
            bytes_max,
            ..room()
        };
        SealedScratch::with_frames(folder.path(), room, FRAME).map(|_opened| ())
    };
    assert!(planned(1 << 10, 1 << 10).is_ok());
    let above = planned((1 << 10) + 1, 1 << 10).expect_err("above the most allowed");
    assert_eq!(above.code(), "TOO_LARGE");
    let disk = planned(1 << 40, u64::MAX).expect_err("no disk of a test has a tebibyte free");
    assert_eq!(disk.code(), "DISK_FULL");
    let beyond = planned((1 << 40) + 1, u64::MAX).expect_err("above every bound");
    assert_eq!(beyond.code(), "TOO_LARGE");
    let small = ScratchRoom {
        buffer_bytes: FRAME - 1,
        ..room()
    };
    let small = SealedScratch::with_frames(folder.path(), small, FRAME);
    assert_eq!(small.expect_err("less than a frame").code(), "REFUSED");
}

#[test]
fn one_run_has_a_folder_and_leaves_nothing_in_it() {
    let folder = folder();
    let scratch = filled(&folder);
    assert_eq!(parts(&folder).len(), 2);
    let second = SealedScratch::open(
        folder.path(),
        ScratchRoom {
            buffer_bytes: limits::SCRATCH_FRAME_BYTES,
            ..room()
        },
    );
    assert!(matches!(second, Err(StoreError::DataInUse)));
    assert_eq!(
        parts(&folder).len(),
        2,
        "the other run's parts are not touched"
    );
    assert_eq!(
        format!("{scratch:?}"),
        "SealedScratch(2 parts, 800 bytes on disk)"
    );
    drop(scratch);
    assert_eq!(files::list(folder.path()).expect("lists"), [LOCK]);
    open(&folder);
}

#[test]
fn only_our_own_names_are_swept() {
    let folder = folder();
    let run = "0123456789abcdef".repeat(2);
    let ours = format!("scratch-{run}-0000002a.part");
    let others = [
        format!("scratch-{run}-0000002A.part"),
        format!("scratch-{run}-0000002.part"),
        format!("scratch-{}-0000002a.part", &run[1..]),
        format!("scratch-{run}-0000002a.part.txt"),
        "letter.part".to_owned(),
    ];
    for name in others.iter().chain([&ours]) {
        fs::write(folder.path().join(name), "x").expect("writes");
    }
    drop(open(&folder));
    assert!(!folder.path().join(ours).exists());
    assert!(others.iter().all(|name| folder.path().join(name).exists()));
}

#[test]
fn the_disk_never_sees_the_bytes() {
    let folder = folder();
    let scratch = filled(&folder);
    let plain = bytes(1, 5 * FRAME);
    let sealed = fs::read(&parts(&folder)[1]).expect("reads");
    for window in plain.windows(8) {
        assert!(!sealed.windows(8).any(|other| other == window));
    }
    drop(scratch);
}
