//! Hostile files for the readers of XML, JSON and archives: cut at every byte, changed anywhere, and
//! huge. Nothing panics, nothing is delivered of a refused file, and no error tells a value.

mod support;

use linker_tokenize::{
    FileReport, ReadError,
    format::{RowSink, checkup, eligibility, fhir, register},
};
use proptest::prelude::*;

type Read = fn(&[u8], &mut RowSink<'_>) -> Result<FileReport, ReadError>;

/// Values of the fixtures that no error may hold.
const VALUES: [&str; 14] = [
    "甲山",
    "一郎",
    "コウヤマ",
    "ｺｳﾔﾏ",
    "丙",
    "ヘイカワ",
    "霞が関",
    "00012345",
    "0000012345",
    "19700302",
    "1970-03-02",
    "００４５",
    "567890",
    "100-0013",
];

fn files() -> Vec<(&'static str, Vec<u8>, Read)> {
    let document = include_bytes!("fixtures/checkup.xml").as_slice();
    let archive = support::archive(&[("DATA/h1.xml", document), ("DATA/h2.xml", document)]);
    let eligibility: Read = eligibility::read;
    vec![
        (
            "eligibility",
            include_bytes!("fixtures/eligibility.xml").to_vec(),
            eligibility,
        ),
        (
            "Bundle",
            include_bytes!("fixtures/bundle.json").to_vec(),
            fhir::read,
        ),
        (
            "ndjson",
            include_bytes!("fixtures/patients.ndjson").to_vec(),
            fhir::read,
        ),
        (
            "coverage",
            include_bytes!("fixtures/coverages.ndjson").to_vec(),
            fhir::read,
        ),
        ("archive", archive, checkup::read),
        (
            "register",
            include_bytes!("fixtures/register.csv").to_vec(),
            register::read,
        ),
    ]
}

/// Reads and checks what must always hold. Returns whether the file was accepted without a bad row.
fn attempt(name: &str, bytes: &[u8], read: Read) -> bool {
    let mut said = String::new();
    let mut delivered = 0;
    let report = read(bytes, &mut |_, row| {
        delivered += 1;
        if let Err(error) = row {
            said.push_str(&format!("{error} {error:?} "));
        }
    });
    let good = match &report {
        Ok(report) => {
            assert_eq!(report.rows, delivered, "{name}");
            report.rejected == 0
        }
        Err(error) => {
            assert_eq!(
                delivered, 0,
                "{name}: nothing of a refused file is delivered"
            );
            said.push_str(&format!("{error} {error:?}"));
            false
        }
    };
    for value in VALUES {
        assert!(!said.contains(value), "{name} says a value");
    }
    good
}

#[test]
fn files_that_are_cut_anywhere() {
    for (name, bytes, read) in files() {
        assert!(attempt(name, &bytes, read), "{name} is good");
        for end in 0..bytes.len() {
            let good = attempt(name, &bytes[..end], read);
            let lines = matches!(name, "ndjson" | "coverage" | "register");
            let blank = bytes[end..].trim_ascii().is_empty();
            // Rows that are lines may end after any of them: nothing shows that others followed.
            assert!(
                !good || blank || lines,
                "{name} cut at {end} is taken for whole"
            );
        }
    }
}

#[test]
fn files_of_one_huge_value() {
    let huge = "x".repeat(8 << 20);
    let read: [(String, Read); 6] = [
        (
            format!(
                "<XmlMsg><ResultOfQualificationConfirmation><Name>{huge}</Name></ResultOfQualificationConfirmation></XmlMsg>"
            ),
            eligibility::read,
        ),
        (format!("<XmlMsg><!--{huge}--></XmlMsg>"), eligibility::read),
        (format!("<{huge}/>"), eligibility::read),
        (format!("<XmlMsg a='{huge}'/>"), eligibility::read),
        (
            format!(
                "{{\"resourceType\":\"Patient\",\"id\":\"1\",\"name\":[{{\"text\":\"{huge}\"}}]}}"
            ),
            fhir::read,
        ),
        (format!("{{\"resourceType\":\"{huge}\"}}"), fhir::read),
    ];
    for (text, read) in read {
        let _no_panic = attempt("huge", text.as_bytes(), read);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn bytes_that_are_changed_anywhere(
        file in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        paste in any::<prop::sample::Index>(),
        length in 0_usize..64,
    ) {
        let (name, mut bytes, read) = files().swap_remove(file);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let from = cut.index(bytes.len());
        let piece = bytes[from..bytes.len().min(from + length)].to_vec();
        let at = paste.index(bytes.len());
        bytes.splice(at..at, piece);
        let _no_panic = attempt(name, &bytes, read);
    }

    #[test]
    fn any_bytes_after_a_known_start(
        start in 0_usize..6,
        bytes in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        let starts: [&[u8]; 6] = [
            b"<XmlMsg>", b"{\"resourceType\":\"Bundle\",\"entry\":[", b"PK\x03\x04",
            b"{\"resourceType\":\"Patient\"}\n", "宛名番号,氏名\n".as_bytes(), b"",
        ];
        let whole = [starts[start], &bytes].concat();
        for (name, _, read) in files() {
            let _no_panic = attempt(name, &whole, read);
        }
    }

    #[test]
    fn names_of_any_characters_are_read_back(name in "\\PC{1,40}") {
        let escaped = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&#62;");
        let xml = format!(
            "<XmlMsg><ResultOfQualificationConfirmation><ReferenceNumber>1</ReferenceNumber>\
             <Birthdate>19700302</Birthdate><Name>{escaped}</Name>\
             </ResultOfQualificationConfirmation></XmlMsg>"
        );
        let json = format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"1\",\"birthDate\":\"1970-03-02\",\
             \"name\":[{{\"extension\":[{{\"url\":\"iso21090-EN-representation\",\"valueCode\":\"IDE\"}}],\
             \"text\":{}}}]}}",
            serde_json::to_string(&name).expect("a text")
        );
        let read = |bytes: &[u8], read: Read| {
            let mut records = Vec::new();
            read(bytes, &mut |_, row| records.push(row.expect("a birth date is usable")))
                .expect("a good file");
            records.remove(0)
        };
        let one = read(xml.as_bytes(), eligibility::read);
        let other = read(json.as_bytes(), fhir::read);
        prop_assert!(one.identifiers() == other.identifiers());
    }
}
