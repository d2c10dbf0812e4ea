//! Which telephone is taken where a message or a resource gives several, and what is counted of them.

use linker_tokenize::{
    Counts, Quality, RawField, RawRecord, SourceRecord,
    format::{
        File,
        fhir::{self, Coverages},
        hl7,
        ssmix2::{self, Adt},
    },
    limits::PHONE_REPEATS_MAX,
    normalize,
};

fn message(patient: u32, home: &str, work: &str) -> String {
    format!(
        "MSH|^~\\&|A|B|C|D|20260101||ADT^A08|1|P|2.5\r\
         PID|1||{patient}^^^^PI||YAMADA^HANAKO^^^^^L^P||19700302|F|||||{home}|{work}\r"
    )
}

/// The taken value, known again without being shown: equal values of one field have equal fingerprints.
fn is(record: &SourceRecord, value: &str) -> bool {
    let raw = RawRecord::new()
        .with(RawField::RecordId, "1")
        .with(RawField::Sex, "1");
    let other = normalize::observe(&raw.with(RawField::Phone, value)).expect("usable");
    let of = |record: &SourceRecord| {
        let written = record.written().expect("observed");
        written.fingerprint(RawField::Phone)
    };
    of(record) == of(&other)
}

#[test]
fn the_first_usable_number_of_a_message_counts() {
    for (home, work, taken) in [
        ("03-1234-5678", "", "03-1234-5678"),
        (
            "^PRN^PH^^^^^^^^^03-1234-5678",
            "^WPN^PH^^^^^^^^^03-9999-0000",
            "03-1234-5678",
        ),
        ("^PRN^PH^^81^03^12345678", "", "03-12345678"),
        (
            "03-1111-2222^PRN^FX~090-1234-5678^PRN^CP",
            "",
            "090-1234-5678",
        ),
        (
            "someone@example.org^NET^Internet",
            "03-9999-0000^WPN^PH",
            "03-9999-0000",
        ),
        ("unknown", "03-9999-0000", "03-9999-0000"),
        ("", "", ""),
        ("03-1111-2222^PRN^FX", "none", ""),
    ] {
        let read = ssmix2::observe(message(1, home, work).as_bytes());
        let Ok(Adt::Current(record)) = read else {
            unreachable!("a current patient: {home}");
        };
        assert_eq!(record.has_phone(), !taken.is_empty(), "{home} {work}");
        assert!(is(&record, taken), "{home} {work}");
    }
}

#[test]
fn a_telephone_costs_no_record_however_long_it_is() {
    let long = format!("03-1234-5678 {}", "x".repeat(5000));
    let read = ssmix2::read(message(1, &long, "").as_bytes());
    assert!(matches!(read, Ok(Adt::Current(record)) if !record.has_phone()));
    let text = format!(
        r#"{{"resourceType":"Patient","id":"1","birthDate":"1970-03-02","telecom":[{{"value":"{long}"}}]}}"#
    );
    assert!(!patient(&text).has_phone());
}

fn patient(text: &str) -> SourceRecord {
    let mut bytes_at = |at: u64, space: &mut [u8]| {
        let at = usize::try_from(at).expect("small");
        space.copy_from_slice(&text.as_bytes()[at..at + space.len()]);
        Ok::<_, ()>(space.len())
    };
    let mut file = File::new(text.len() as u64, &mut bytes_at).observing(true);
    let mut found = None;
    let report = fhir::read_file(&mut file, &Coverages::new(), None, &mut |_, row| {
        found = row.ok().cloned();
        Ok(())
    });
    assert_eq!(report.map(|report| report.rejected), Ok(0));
    found.expect("one patient")
}

#[test]
fn the_number_at_home_counts_before_others_of_a_patient() {
    for (telecom, taken) in [
        (
            r#"[{"system":"phone","value":"03-1234-5678"}]"#,
            "03-1234-5678",
        ),
        (
            r#"[{"system":"phone","value":"03-1","use":"home"},{"system":"phone","value":"03-9999-0000","use":"work"},
               {"system":"phone","value":"090-1234-5678","use":"mobile"}]"#,
            "090-1234-5678",
        ),
        (
            r#"[{"system":"phone","value":"090-1234-5678","use":"mobile"},
               {"system":"phone","value":"tel:+81-3-1234-5678","use":"home"}]"#,
            "+81-3-1234-5678",
        ),
        (
            r#"[{"system":"fax","value":"03-1111-2222","use":"home"},{"system":"phone","value":"03-1111-2222","use":"old"}]"#,
            "",
        ),
        (
            r#"[{"value":"03-1234-5678"},{"value":"03-9999-0000"}]"#,
            "03-1234-5678",
        ),
        ("[]", ""),
    ] {
        let text = format!(
            r#"{{"resourceType":"Patient","id":"1","birthDate":"1970-03-02","telecom":{telecom}}}"#
        );
        let record = patient(&text);
        assert_eq!(record.has_phone(), !taken.is_empty(), "{telecom}");
        assert!(is(&record, taken), "{telecom}");
    }
}

#[test]
fn the_telephone_of_the_institution_is_on_every_message() {
    let limit = u32::from(PHONE_REPEATS_MAX);
    let messages: String = (0..limit + 5)
        .map(|at| message(at + 1, "03-1234-5678", ""))
        .collect();
    let mut flagged = 0;
    let report = hl7::read(messages.as_bytes(), &mut |_, row| {
        let record = row.expect("good");
        flagged += u32::from(record.quality().has(Quality::FrequentPhone));
    });
    let report = report.expect("a good file");
    assert_eq!((flagged, report.counts.get("frequent-phone")), (5, 5));
    // A tree has a message in each file, so that whoever reads it counts over all of them.
    let mut counts = Counts::default();
    let flagged = (0..limit + 5).filter(|at| {
        let read = ssmix2::read(message(at + 1, "03-1234-5678", "").as_bytes());
        let Ok(Adt::Current(mut record)) = read else {
            unreachable!("a current patient");
        };
        counts.mark_frequent(&mut record);
        record.quality().has(Quality::FrequentPhone)
    });
    assert_eq!(flagged.count(), 5);
}
