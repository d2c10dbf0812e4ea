//! What is read of a file depends neither on how large the blocks are that it comes in nor on whether records
//! keep how their values were written.

use std::{cell::RefCell, convert::Infallible};

use linker_token::Field;
use linker_tokenize::{
    FileReport, Quality, ReadError, RowError, Screen, SourceRecord,
    format::{
        BlockSink, File, RowSink, Stopped, care, checkup, dicom, dpc, eligibility, fhir, hl7,
        register,
        ssmix2::{self, Adt},
        uke,
    },
};
use proptest::prelude::*;

type Blocks<'r> = &'r dyn Fn(
    &mut File<'_, Infallible>,
    &mut BlockSink<'_, Infallible>,
) -> Result<FileReport, Stopped<Infallible>>;
/// Reads bytes in blocks of a size, observed or not.
type InBlocks = Box<dyn Fn(&[u8], usize, bool) -> Read>;
type Whole = fn(&[u8], &mut RowSink<'_>) -> Result<FileReport, ReadError>;

/// A reader in both forms, by its format's name.
fn reader(format: &str) -> (InBlocks, Whole) {
    fn of(read: Blocks<'_>, bytes: &[u8], block: usize, observed: bool) -> Read {
        in_blocks(bytes, block, observed, read)
    }
    match format {
        "uke" => (
            Box::new(|bytes, block, observed| of(&uke::read_file, bytes, block, observed)),
            uke::read,
        ),
        "care" => (
            Box::new(|bytes, block, observed| of(&care::read_file, bytes, block, observed)),
            care::read,
        ),
        "dpc" => (
            Box::new(|bytes, block, observed| of(&dpc::read_file, bytes, block, observed)),
            dpc::read,
        ),
        "hl7" => (
            Box::new(|bytes, block, observed| of(&hl7::read_file, bytes, block, observed)),
            hl7::read,
        ),
        "register" => (
            Box::new(|bytes, block, observed| of(&register::read_file, bytes, block, observed)),
            register::read,
        ),
        "eligibility" => (
            Box::new(|bytes, block, observed| {
                let read = |file: &mut File<'_, _>, sink: &mut BlockSink<'_, _>| {
                    eligibility::read_file(file, Some(&mut Screen::new()), sink)
                };
                of(&read, bytes, block, observed)
            }),
            eligibility::read,
        ),
        "checkup" => (
            Box::new(|bytes, block, observed| {
                let read = |file: &mut File<'_, _>, sink: &mut BlockSink<'_, _>| {
                    checkup::read_file(file, Some(&mut Screen::new()), sink)
                };
                of(&read, bytes, block, observed)
            }),
            checkup::read,
        ),
        "fhir" => (
            Box::new(|bytes, block, observed| {
                let coverages = RefCell::new(fhir::Coverages::new());
                let gather = |file: &mut File<'_, _>, _: &mut BlockSink<'_, _>| {
                    coverages.borrow_mut().add_file(file)?;
                    Err(Stopped::File(ReadError::Empty))
                };
                let (gathered, _) = of(&gather, bytes, block, observed);
                if gathered != Err(ReadError::Empty) {
                    return (gathered, Vec::new());
                }
                let read = |file: &mut File<'_, _>, sink: &mut BlockSink<'_, _>| {
                    fhir::read_file(file, &coverages.borrow(), Some(&mut Screen::new()), sink)
                };
                of(&read, bytes, block, observed)
            }),
            fhir::read,
        ),
        other => unreachable!("no reader is called {other}"),
    }
}

/// What can be compared of a row.
#[derive(Debug, PartialEq)]
struct Row {
    number: u64,
    outcome: Result<Person, RowError>,
}

type Values = Vec<(Field, String)>;

#[derive(Debug, PartialEq)]
struct Person {
    id: String,
    values: Values,
    former: Option<Values>,
    flags: u32,
    noticed: Vec<Quality>,
    phone: bool,
}

type Read = (Result<FileReport, ReadError>, Vec<Row>);

fn person(record: &SourceRecord) -> Person {
    let values = |identifiers: &linker_tokenize::Identifiers| {
        let values = identifiers.iter();
        values
            .map(|(field, value)| (field, value.to_owned()))
            .collect()
    };
    Person {
        id: record.local_id().to_owned(),
        values: values(record.identifiers()),
        former: record.former().map(values),
        flags: record.flags().bits(),
        noticed: record.quality().iter().collect(),
        phone: record.has_phone(),
    }
}

fn in_blocks(bytes: &[u8], block: usize, observed: bool, read: Blocks<'_>) -> Read {
    let mut bytes_at = |at: u64, space: &mut [u8]| {
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(space.len());
        space[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    };
    let file = File::new(bytes.len() as u64, &mut bytes_at);
    let mut file = file.in_blocks_of(block).observing(observed);
    let mut rows = Vec::new();
    let report = read(&mut file, &mut |number, outcome| {
        if let Ok(record) = outcome {
            assert_eq!(record.written().is_some(), observed);
        }
        let outcome = outcome.map(person);
        rows.push(Row { number, outcome });
        Ok(())
    });
    let report = report.map_err(|stopped| match stopped {
        Stopped::File(error) => error,
        Stopped::Caller(never) => match never {},
    });
    (report, rows)
}

fn whole(bytes: &[u8], read: Whole) -> Read {
    let mut rows = Vec::new();
    let report = read(bytes, &mut |number, outcome| {
        let outcome = outcome.as_ref().map(person).map_err(|error| *error);
        rows.push(Row { number, outcome });
    });
    (report, rows)
}

macro_rules! fixtures {
    ($($format:literal $name:literal,)*) => {
        [$(($format, include_bytes!(concat!("fixtures/", $name)).as_slice()),)*]
    };
}

fn fixtures() -> [(&'static str, &'static [u8]); 14] {
    fixtures! {
        "uke" "ours/claims.uke",
        "care" "ours/care.csv",
        "dpc" "ours/FF1.txt",
        "hl7" "ours/messages.hl7",
        "hl7" "independent/messages.hl7",
        "register" "ours/register.csv",
        "eligibility" "ours/eligibility.xml",
        "eligibility" "eligibility.xml",
        "checkup" "ours/checkup.zip",
        "checkup" "independent/checkup.zip",
        "fhir" "ours/fhir.ndjson",
        "fhir" "independent/fhir.ndjson",
        "fhir" "patients.ndjson",
        "fhir" "bundle.json",
    }
}

#[test]
fn small_blocks_and_observation_change_nothing() {
    for (format, bytes) in fixtures() {
        let (read, slow) = reader(format);
        let expected = whole(bytes, slow);
        assert!(expected.0.is_ok() && !expected.1.is_empty(), "{format}");
        for block in [4, 5, 7, 64, 1000, 65_536] {
            for observed in [false, true] {
                assert_eq!(read(bytes, block, observed), expected, "{format} {block}");
            }
        }
    }
}

#[test]
fn observation_changes_no_single_record() {
    for bytes in [
        include_bytes!("fixtures/ours/ssmix2-1").as_slice(),
        include_bytes!("fixtures/independent/ssmix2-3"),
    ] {
        let (Ok(Adt::Current(plain)), Ok(Adt::Current(observed))) =
            (ssmix2::read(bytes), ssmix2::observe(bytes))
        else {
            unreachable!("both are patients");
        };
        assert_eq!(person(&plain), person(&observed));
        assert!(plain.written().is_none() && observed.written().is_some());
    }
    let bytes = include_bytes!("fixtures/ours/object-1.dcm");
    let (plain, observed) = (dicom::read(bytes), dicom::observe(bytes));
    let (plain, observed) = (plain.expect("good"), observed.expect("good"));
    assert_eq!(person(&plain), person(&observed));
    assert!(plain.written().is_none() && observed.written().is_some());
}

/// A long file: the fixture's records again and again, with other numbers in place of theirs.
fn long(format: &str, bytes: &[u8], repeats: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..repeats {
        let other = format!("{:08}", 12_345 + number);
        let mut rest = bytes;
        // Care claims count their records, so the first stays as it is and the others follow it.
        if format == "register" && number > 0 {
            let header = bytes.iter().position(|&byte| byte == b'\n');
            rest = &bytes[header.map_or(0, |at| at + 1)..];
        }
        while let Some(at) = rest.windows(8).position(|at| at == b"00012345") {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(other.as_bytes());
            rest = &rest[at + 8..];
        }
        out.extend_from_slice(rest);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn long_files_in_blocks_of_any_size(
        which in prop::sample::select(vec![0_usize, 1, 2, 3, 4, 5, 10, 11, 12]),
        block in 1024_usize..=65_536,
        repeats in 1_usize..100,
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let (format, bytes) = fixtures()[which];
        let mut bytes = long(format, bytes, repeats);
        if let Some((at, byte)) = damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let (read, slow) = reader(format);
        prop_assert!(read(&bytes, block, false) == whole(&bytes, slow));
    }
}

#[test]
fn a_file_that_changes_between_its_walks_is_not_read_on() {
    for (format, bytes) in fixtures() {
        let readers: &[(&str, Blocks<'_>)] = &[
            ("uke", &uke::read_file),
            ("care", &care::read_file),
            ("dpc", &dpc::read_file),
            ("hl7", &hl7::read_file),
        ];
        let Some((_, read)) = readers.iter().find(|(name, _)| *name == format) else {
            continue;
        };
        // From some reading of it on it is another file.
        let mut noticed = 0;
        for first in 1..12 {
            let mut reads = 0;
            let mut bytes_at = |at: u64, space: &mut [u8]| {
                let at = usize::try_from(at).expect("small");
                space.copy_from_slice(&bytes[at..at + space.len()]);
                reads += 1;
                if reads > first {
                    space[0] ^= 1;
                }
                Ok(space.len())
            };
            let mut file = File::new(bytes.len() as u64, &mut bytes_at);
            let mut rows = 0;
            let report = read(&mut file, &mut |_, _| {
                rows += 1;
                Ok(())
            });
            assert!(report.is_ok() || rows == 0, "{format} {first}");
            noticed += u32::from(report == Err(Stopped::File(ReadError::Changed)));
        }
        assert!(noticed > 0, "{format}");
    }
}
