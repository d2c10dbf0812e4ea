//! What FHIR files say about records and not about people: replaced, deleted, old, inactive, made up.

use linker_token::{Field, Flags};
use linker_tokenize::{
    FileReport, Quality, ReadError, SourceRecord, format::fhir, limits::FHIR_HISTORY_MAX,
};

type Rows = Vec<(u64, SourceRecord)>;

fn read(text: &str) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = fhir::read(text.as_bytes(), &mut |number, row| {
        rows.push((number, row.expect("a good row")));
    });
    (report, rows)
}

fn patient(id: &str, name: &str, more: &str) -> String {
    format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"name\":[{{\"text\":\"{name}\"}}],\
         \"birthDate\":\"1970-03-02\"{more}}}"
    )
}

fn bundle(kind: &str, entries: &[String]) -> String {
    format!(
        "{{\"resourceType\":\"Bundle\",\"entry\":[{}],\"type\":\"{kind}\"}}",
        entries.join(",")
    )
}

fn put(resource: &str) -> String {
    format!("{{\"resource\":{resource},\"request\":{{\"method\":\"PUT\",\"url\":\"Patient/x\"}}}}")
}

fn delete(url: &str) -> String {
    format!("{{\"request\":{{\"method\":\"DELETE\",\"url\":\"{url}\"}}}}")
}

#[test]
fn a_replaced_record_is_withdrawn_and_its_successor_stays() {
    let link = |kind: &str| {
        format!(",\"link\":[{{\"other\":{{\"reference\":\"Patient/2\"}},\"type\":\"{kind}\"}}]")
    };
    let text = [
        patient("1", "甲山 一郎", &link("replaced-by")),
        patient("2", "甲山 一郎", &link("replaces")),
        patient("3", "丙川 二葉", &link("seealso")),
        patient("4", "丙川 二葉", &link("refer")),
    ]
    .join("\n");
    let (report, rows) = read(&text);
    let report = report.expect("a good file");
    assert_eq!(
        (report.rows, report.withdrawn, report.superseded),
        (3, 1, 0)
    );
    let ids: Vec<_> = rows.iter().map(|(_, record)| record.local_id()).collect();
    assert_eq!(ids, ["2", "3", "4"]);
}

#[test]
fn an_inactive_patient_is_the_same_person() {
    // Systems set it for patients whom they have not seen for years, and for the dead.
    let (_, rows) = read(&patient("1", "甲山 一郎", ",\"active\":false"));
    let (_, active) = read(&patient("1", "甲山 一郎", ",\"active\":true"));
    assert!(rows[0].1.identifiers() == active[0].1.identifiers());
    assert_eq!(rows[0].1.flags(), active[0].1.flags());
}

#[test]
fn deleted_patients_are_withdrawn() {
    let text = bundle(
        "transaction",
        &[
            delete("Patient/1"),
            delete("https://server.example/fhir/Patient/2"),
            delete("Coverage/3"),
            delete("OutPatient/4"),
            delete("Patient/"),
            put(&patient("5", "甲山 一郎", "")),
        ],
    );
    let (report, rows) = read(&text);
    let report = report.expect("a good Bundle");
    assert_eq!(
        (report.rows, report.withdrawn, report.superseded),
        (1, 2, 0)
    );
    assert_eq!(rows[0].0, 6, "the entry is the row");
}

#[test]
fn the_newest_version_of_a_history_counts() {
    let text = bundle(
        "history",
        &[
            put(&patient("1", "甲山 一郎", "")),
            put(&patient("1", "乙山 一郎", "")),
            delete("Patient/2/_history/9"),
            put(&patient("2", "丙川 二葉", "")),
            put(&patient("1", "丁山 一郎", "")),
        ],
    );
    let (report, rows) = read(&text);
    let report = report.expect("a good Bundle");
    assert_eq!(
        (report.rows, report.withdrawn, report.superseded),
        (1, 1, 3)
    );
    let name = rows[0].1.identifiers().get(Field::KanjiName);
    assert_eq!(name, Some("甲山一郎"));
    // Elsewhere nothing says that what comes first is newer.
    let (report, _) = read(&text.replace("\"history\"", "\"searchset\""));
    assert_eq!(report.expect("a good Bundle").rows, 4);
    let (report, _) = read(&text.replace("\"history\"", "{\"odd\":1}"));
    assert_eq!(report.expect("a good Bundle").rows, 4);
}

#[test]
fn test_data_is_flagged_by_its_label() {
    let label =
        |place: &str, code: &str| format!(",\"meta\":{{\"{place}\":[{{\"code\":\"{code}\"}}]}}");
    for (more, test) in [
        (label("security", "HTEST"), true),
        (label("tag", "HTEST"), true),
        (label("security", "R"), false),
        (String::new(), false),
    ] {
        let (_, rows) = read(&patient("1", "甲山 一郎", &more));
        assert_eq!(rows[0].1.flags().has(Flags::TEST_RECORD), test, "{more}");
        assert_eq!(rows[0].1.quality().has(Quality::TestRecord), test, "{more}");
    }
}

#[test]
fn one_version_past_the_limit() {
    let entry = "{\"resource\":{\"resourceType\":\"Patient\"}}";
    let with = |count: usize| {
        let entries = vec![entry.to_owned(); count];
        let mut rows = 0;
        let text = bundle("history", &entries);
        let report = fhir::read(text.as_bytes(), &mut |_, _| rows += 1);
        (report.map(|_| rows), rows)
    };
    assert_eq!(with(FHIR_HISTORY_MAX).0, Ok(FHIR_HISTORY_MAX));
    let (report, rows) = with(FHIR_HISTORY_MAX + 1);
    assert_eq!(report.expect_err("one past").code(), "file-too-large");
    assert_eq!(rows, 0, "nothing of a refused file is delivered");
}
