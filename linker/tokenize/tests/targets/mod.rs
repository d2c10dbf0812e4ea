//! What must hold of every reader, decoder and normaliser, whatever bytes it gets. The fuzzer in
//! `linker/fuzz` feeds these functions with bytes it invents, and the test `corpus` with those that are
//! kept, so that a compiler without a fuzzer repeats what was found once.
#![expect(
    unreachable_pub,
    reason = "shared by a test and the fuzzer as a module"
)]

mod long;
mod normal;
mod readers;
mod round;
mod wire;

use std::{cell::RefCell, convert::Infallible};

use linker_token::{Epoch, Field, ProjectId, Schema, TokenBatch, hostile};
use linker_tokenize::{
    Encoder, FileReport, ReadError, SourceRecord,
    format::{BlockSink, File, RowSink, Stopped},
    limits::LOCAL_ID_BYTES_MAX,
};

/// Takes any bytes and panics if something does not hold.
pub type Target = fn(&[u8]);

/// All targets by name. A target's corpus is the folder of its name.
pub const ALL: [(&str, Target); 11] = [
    ("table", readers::table),
    ("hl7", readers::hl7),
    ("uke", readers::uke),
    ("xml", readers::xml),
    ("fhir", readers::fhir),
    ("dicom", readers::dicom),
    ("records", readers::records),
    ("long", long::run),
    ("normalise", normal::run),
    ("round", round::run),
    ("token", wire::run),
];

/// A reader of files with many rows.
pub(crate) type Read<'r> = &'r dyn Fn(&[u8], &mut RowSink<'_>) -> Result<FileReport, ReadError>;

/// Reads, and checks what holds of every reader. Returns the records.
pub(crate) fn judge(bytes: &[u8], read: Read<'_>) -> Vec<SourceRecord> {
    let (mut rows, mut rejected, mut last) = (0, 0, 0);
    let mut records = Vec::new();
    let report = read(bytes, &mut |row, outcome| {
        rows += 1;
        assert!(row > last, "rows are counted upwards");
        last = row;
        match outcome {
            Ok(record) => {
                sound(&record);
                records.push(record);
            }
            Err(error) => {
                rejected += 1;
                harmless(&error, error.code());
            }
        }
    });
    match report {
        Ok(report) => {
            assert_eq!((report.rows, report.rejected), (rows, rejected));
            let noticed: u64 = report
                .counts
                .iter()
                .map(|(_, count)| u64::from(count))
                .sum();
            assert!(noticed >= rejected, "every row that is left out is counted");
        }
        Err(error) => {
            assert_eq!(rows, 0, "nothing of a refused file is delivered");
            // These two name a header of the mapping, which may be Japanese.
            if !matches!(
                error,
                ReadError::MissingColumn { .. } | ReadError::RepeatedColumn { .. }
            ) {
                harmless(&error, error.code());
            }
        }
    }
    // Tokens cost more than reading, so only some inputs go on to them.
    if let Some(record) = records.first().filter(|_| bytes.len().is_multiple_of(8)) {
        admitted(record);
    }
    records
}

/// A reader of files in blocks.
pub(crate) type Blocks<'r> = &'r dyn Fn(
    &mut File<'_, Infallible>,
    &mut BlockSink<'_, Infallible>,
) -> Result<FileReport, Stopped<Infallible>>;

/// Reads the same bytes in small blocks, and checks that the records are those of the whole.
pub(crate) fn in_blocks(bytes: &[u8], whole: &[SourceRecord], read: Blocks<'_>) {
    // The bytes choose the size.
    let block = bytes
        .iter()
        .rev()
        .take(3)
        .fold(4, |sum, &byte| sum + usize::from(byte));
    let mut bytes_at = |at: u64, space: &mut [u8]| {
        let at = usize::try_from(at).expect("short");
        space.copy_from_slice(&bytes[at..at + space.len()]);
        Ok(space.len())
    };
    let file = File::new(bytes.len() as u64, &mut bytes_at);
    let mut file = file.in_blocks_of(block).observing(block.is_multiple_of(2));
    let mut left = whole.iter();
    let report = read(&mut file, &mut |_, outcome| {
        if let Ok(record) = outcome {
            let other = left.next().expect("no more records than of the whole");
            assert!(record.local_id() == other.local_id());
            assert!(record.identifiers() == other.identifiers());
            assert!(record.flags() == other.flags() && record.former() == other.former());
        }
        Ok(())
    });
    assert!(left.next().is_none() && (report.is_ok() || whole.is_empty()));
}

/// An error tells no value: its words are the program's own, in ASCII, and few.
pub(crate) fn harmless(error: &dyn std::error::Error, code: &str) {
    let said = format!("{error} {error:?} {code}");
    assert!(said.is_ascii() && said.len() < 400, "an error says: {said}");
}

/// What holds of every record, whoever read it.
pub(crate) fn sound(record: &SourceRecord) {
    let id = record.local_id();
    assert!(!id.trim().is_empty() && id.len() <= LOCAL_ID_BYTES_MAX);
    assert!(record.identifiers().iter().next().is_some());
    let people = [Some(record.identifiers()), record.former()];
    for (field, value) in people
        .into_iter()
        .flatten()
        .flat_map(|person| person.iter())
    {
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let good = match field {
            Field::BirthYear => digits && value.len() == 4,
            Field::BirthMonth | Field::BirthDay | Field::InsuredBranch => {
                digits && value.len() == 2
            }
            Field::Insurer => digits && value.len() == 8,
            Field::PostalCode => digits && (3..=10).contains(&value.len()),
            Field::Sex => matches!(value, "1" | "2"),
            Field::KanaName
            | Field::KanjiName
            | Field::GivenName
            | Field::Surname
            | Field::Town
            | Field::Block
            | Field::Street
            | Field::InsuredNumber => !value.is_empty(),
        };
        assert!(good, "{field:?} is not in its normal form");
    }
}

/// The appliance takes what an honest tokenizer makes of a record.
fn admitted(record: &SourceRecord) {
    thread_local! {
        static ENCODER: RefCell<(Schema, Encoder)> = RefCell::new({
            let schema = Schema::jp_1();
            let project = ProjectId::parse("fuzz").expect("a good name");
            let encoder = Encoder::new(&schema, &[1; 32], &[2; 32], &project, Epoch(1));
            (schema, encoder)
        });
    }
    ENCODER.with_borrow_mut(|(schema, encoder)| {
        let mut batch = TokenBatch::new(schema);
        for token in encoder.encode(record) {
            batch.push(&token).expect("a row has the schema's width");
        }
        let verdicts = hostile::inspect(schema, &batch);
        assert!(verdicts.iter().all(Option::is_none), "{verdicts:?}");
    });
}
