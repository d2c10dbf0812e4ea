//! Files that say one thing very often: time must grow with length, not with its square. The fuzzer's limit
//! for one input ends a run that takes too long; a reader here needs some milliseconds.

use linker_tokenize::{
    CsvMapping, RawField, RawRecord,
    format::{care, checkup, csv, dicom, dpc, eligibility, fhir, hl7, register, ssmix2, uke},
    limits::VALUE_BYTES_MAX,
    normalize,
};

use super::{judge, readers::stored};

/// Bytes of a file. A reader whose time grows with the square needs minutes for them.
const LONG: usize = 256 * 1024;

/// A choice, two lengths, and then what stands at the start, what is repeated, and what ends the file.
pub(super) fn run(bytes: &[u8]) {
    let Some((&[choice, head, unit], rest)) = bytes.split_first_chunk::<3>() else {
        return;
    };
    let (head, rest) = rest.split_at(rest.len().min(head.into()));
    let (unit, tail) = rest.split_at(rest.len().min(unit.into()));
    if unit.is_empty() {
        return;
    }
    let file = |long: usize| {
        let times = long.saturating_sub(head.len() + tail.len()) / unit.len();
        [head, &unit.repeat(times), tail].concat()
    };
    match choice {
        0..0x80 => {
            let value = file(VALUE_BYTES_MAX);
            let value = String::from_utf8_lossy(&value);
            let field = RawField::ALL[usize::from(choice) % RawField::ALL.len()];
            let mut end = value.len().min(VALUE_BYTES_MAX);
            while !value.is_char_boundary(end) {
                end -= 1;
            }
            let raw = RawRecord::new().with(field, &value[..end]);
            let _outcome = normalize::normalize(&raw.with(RawField::RecordId, "1"));
        }
        _ => read(choice, &file(LONG)),
    }
}

fn read(choice: u8, file: &[u8]) {
    match choice % 11 {
        0 => drop(judge(file, &|bytes, sink| {
            let mapping = "[[column]]\nheader=\"a\"\nfield=\"record-id\"\n[[column]]\nheader=\"b\"\nfield=\"address\"\n";
            csv::read(&CsvMapping::parse(mapping)?, bytes, sink)
        })),
        1 => drop(judge(file, &|bytes, sink| hl7::read(bytes, sink))),
        2 => drop(judge(file, &|bytes, sink| uke::read(bytes, sink))),
        3 => drop(judge(file, &|bytes, sink| eligibility::read(bytes, sink))),
        4 => drop(judge(file, &|bytes, sink| fhir::read(bytes, sink))),
        5 => drop(judge(file, &|bytes, sink| care::read(bytes, sink))),
        6 => drop(judge(file, &|bytes, sink| dpc::read(bytes, sink))),
        7 => drop(judge(file, &|bytes, sink| register::read(bytes, sink))),
        8 => drop(judge(&stored(&[("DATA/h1.xml", file)]), &|bytes, sink| {
            checkup::read(bytes, sink)
        })),
        9 => drop(dicom::read(file)),
        _ => drop(ssmix2::read(file)),
    }
}
