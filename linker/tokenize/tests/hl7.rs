//! Files of HL7 v2 ADT messages.

use encoding_rs::ISO_2022_JP;
use linker_token::Field;
use linker_tokenize::{FileReport, ReadError, RowError, SourceRecord, format::hl7};

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = hl7::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

fn iso(text: &str) -> Vec<u8> {
    text.split_inclusive('\r')
        .flat_map(|segment| ISO_2022_JP.encode(segment).0.into_owned())
        .collect()
}

fn message(event: &str, patient: &str, name: &str, prior: &str) -> String {
    let merge = if prior.is_empty() {
        String::new()
    } else {
        format!("MRG|{prior}^^^^PI\r")
    };
    format!(
        "MSH|^~\\&|HIS||||20260101||ADT^{event}^ADT_A01|1|P|2.5||||||~ISO IR87||ISO 2022-1994\r\
         EVN||20260101\r\
         PID|1||{patient}^^^^PI||{name}^^^^^L^I~ﾃｽ^ﾄ^^^^^L^P||19700302|F|||^^^^1000001^JPN^H^\r\
         {merge}"
    )
}

fn names(rows: &Rows) -> Vec<(u64, &str, &str)> {
    rows.iter()
        .map(|(number, row)| {
            let row = row.as_ref().expect("good");
            let name = row.identifiers().get(Field::KanjiName).unwrap_or("");
            (*number, row.local_id(), name)
        })
        .collect()
}

#[test]
fn the_last_word_on_each_patient_counts() {
    let text = [
        message("A01", "1", "旧^一", ""),
        message("A04", "2", "甲^二", ""),
        "MSH|^~\\&|LAB||||20260101||ORU^R01|1|P|2.5\rPID|1||9\rOBX|1\r".to_owned(),
        message("A08", "1", "新^一", ""),
        message("A23", "2", "甲^二", ""),
        message("A28", "3", "乙^三", ""),
        message("A29", "3", "乙^三", ""),
        message("A31", "3", "丙^三", ""),
    ]
    .concat();
    let bytes = iso(&text);
    assert!(hl7::looks_like(&bytes));
    let (report, rows) = read(&bytes);
    let report = report.expect("a good file");
    assert_eq!(names(&rows), [(4, "1", "新一"), (8, "3", "丙三")]);
    assert_eq!(
        (report.rows, report.superseded, report.withdrawn),
        (2, 3, 2)
    );
    assert!(report.complete);
}

#[test]
fn a_merged_number_is_given_up() {
    // The surviving patient's own data are better than those that came with the merge.
    let text = [
        message("A08", "10", "甲^一", ""),
        message("A08", "11", "甲^一", ""),
        message("A40", "10", "別^名", "11"),
        message("A40", "20", "乙^二", "21"),
    ]
    .concat();
    let (report, rows) = read(&iso(&text));
    assert_eq!(names(&rows), [(1, "10", "甲一"), (4, "20", "乙二")]);
    assert_eq!(report.expect("a good file").withdrawn, 1);
    // A number that is used again after its merge is a patient again.
    let again = text + &message("A04", "11", "丁^四", "");
    assert_eq!(names(&read(&iso(&again)).1).len(), 3);
}

#[test]
fn frames_envelopes_and_line_feeds_are_no_data() {
    let one = message("A08", "1", "甲^一", "");
    let two = message("A08", "2", "乙^二", "");
    let expected: &[&str] = &["甲一", "乙二"];
    for text in [
        format!("\x0b{one}\x1c\r\x0b{two}\x1c\r"),
        format!("FHS|^~\\&|HIS\rBHS|^~\\&|HIS\r{one}{two}BTS|2\rFTS|1\r"),
        format!("{one}{two}").replace('\r', "\r\n"),
        format!("{one}\r{two}").replace('\r', "\n"),
    ] {
        let bytes = iso(&text);
        assert!(hl7::looks_like(&bytes));
        let (report, rows) = read(&bytes);
        assert!(report.expect("a good file").complete);
        let found: Vec<_> = names(&rows).iter().map(|row| row.2).collect();
        assert_eq!(found, expected);
    }
    let open = iso(&format!("BHS|^~\\&|HIS\r{one}"));
    assert!(!read(&open).0.expect("readable").complete);
}

/// The kind of a message stands behind fields that may hold kanji, and escape sequences may stand anywhere.
#[test]
fn what_stands_before_the_kind_of_a_message_hides_none() {
    let plain = message("A08", "1", "山田", "");
    let sender = |name: &str| iso(&plain.replacen("|HIS|", &format!("|{name}|"), 1));
    // The bytes of 鐚 and 憚 hold a delimiter.
    let mut escaped = iso(&plain);
    let at = escaped
        .windows(4)
        .position(|at| at == b"|ADT")
        .expect("the kind");
    escaped.splice(at + 1..at + 1, *b"\x1b(B");
    for bytes in [sender("HIS"), sender("厚生病院"), escaped] {
        let (report, rows) = read(&bytes);
        assert_eq!(report.expect("a good file").rows, 1);
        assert_eq!(rows.len(), 1);
    }
}

#[test]
fn kanji_whose_bytes_are_delimiters_split_nothing() {
    let tricky: Vec<char> = ('一'..='龥')
        .filter(|c| {
            let text = c.to_string();
            let (bytes, _, unmappable) = ISO_2022_JP.encode(&text);
            !unmappable && bytes.len() == 8 && bytes[3..5].iter().any(|b| b"^|~&\\".contains(b))
        })
        .collect();
    let text: String = (1..)
        .zip(tricky.chunks(3))
        .map(|(id, name)| {
            let name: String = name.iter().collect();
            message("A08", &format!("{id}"), &name, "")
        })
        .collect();
    let (report, rows) = read(&iso(&text));
    assert_eq!(report.expect("a good file").rejected, 0);
    assert_eq!(rows.len(), tricky.len().div_ceil(3));
    for (_, row) in &rows {
        let row = row.as_ref().expect("good");
        assert_eq!(row.identifiers().get(Field::BirthYear), Some("1970"));
    }
}

#[test]
fn a_message_cut_anywhere_is_an_error() {
    let bytes = iso(&message("A08", "1", "甲^一", ""));
    for end in 0..bytes.len() {
        // Whole segments before the cut: the frame below is what shows such a cut.
        if bytes[..end].ends_with(b"\r") {
            continue;
        }
        let (report, rows) = read(&bytes[..end]);
        assert!(
            report.is_err() || rows.iter().all(|row| row.1.is_err()),
            "{end}"
        );
    }
    let framed = [b"\x0b".as_slice(), &bytes, b"\x1c\r"].concat();
    for end in 0..framed.len() - 2 {
        let (report, rows) = read(&framed[..end]);
        assert!(
            report.is_err() || rows.iter().all(|row| row.1.is_err()),
            "{end}"
        );
    }
}

#[test]
fn a_bad_message_costs_itself() {
    let good = message("A08", "1", "甲^一", "");
    let cases = [
        (
            good.replace("PID|1||1^^^^PI", "PID|1||"),
            "row-no-record-id",
        ),
        (good.replace("PID|", "PIX|"), "row-no-record-id"),
        (good.replace("甲^一", &"甲".repeat(3000)), "row-too-long"),
        (format!("{good}{}", "OBX|\r".repeat(1000)), "row-too-long"),
    ];
    for (bad, code) in cases {
        let text = format!("{bad}{}", message("A08", "2", "乙^二", ""));
        let (report, rows) = read(&iso(&text));
        assert_eq!(report.expect("a good file").rejected, 1);
        assert_eq!(rows[0].1.as_ref().map_err(|e| e.code()).err(), Some(code));
        assert!(rows[1].1.is_ok());
    }
    let mut bytes = encoding_rs::SHIFT_JIS.encode(&good).0.into_owned();
    bytes.extend(iso(&message("A08", "2", "乙^二", "")));
    let (_, rows) = read(&bytes);
    assert_eq!(
        rows[0].1.as_ref().map_err(|e| e.code()).err(),
        Some("row-bytes")
    );
    assert!(rows[1].1.is_ok());
}

#[test]
fn other_files_and_other_delimiters_are_refused() {
    for bytes in [
        b"hello".as_slice(),
        b"RE,1,1112\r\n",
        b"MSH|^~\\&|LAB||||1||ORU^R01|1\rPID|1||9\r",
        b"MSH|^~!&|HIS||||1||ADT^A08|1\rPID|1||9\r",
    ] {
        let report = read(bytes).0;
        assert_eq!(report.map_err(|e| e.code()).err(), Some("wrong-structure"));
    }
    assert_eq!(read(b"").0, Err(ReadError::Empty));
}

#[test]
fn an_identifier_that_says_it_is_my_number_stops_the_file() {
    // One message: check digits would prove nothing.
    let text = message("A08", "00012345", "甲^一", "");
    let typed = text.replace("00012345", "00012345^^^^PI~1^^^^NNJPN");
    assert_ne!(text, typed);
    let (report, rows) = read(&iso(&typed));
    let error = report.expect_err("it says so");
    assert_eq!(error.code(), "refused-number");
    assert!(rows.is_empty());
}

#[test]
fn my_numbers_stop_the_file_and_are_not_told() {
    let text: String = (0..8)
        .map(|_| message("A08", "123456789018", "甲^一", ""))
        .collect();
    let (report, rows) = read(&iso(&text));
    let error = report.expect_err("eight of eight pass");
    assert_eq!(error.code(), "refused-number");
    assert!(error.to_string().contains("PID-3"));
    assert!(!format!("{error:?}{error}").contains("123456789018"));
    assert!(rows.is_empty());
}

#[test]
fn one_message_past_the_limit_is_refused() {
    let limit = linker_tokenize::limits::HL7_MESSAGES_MAX;
    let head = message("A08", "1", "甲^一", "");
    let many = |count: usize| [iso(&head), b"MSH|\r".repeat(count - 1)].concat();
    assert!(read(&many(limit)).0.is_ok());
    let past = read(&many(limit + 1)).0;
    assert_eq!(past.map_err(|e| e.code()).err(), Some("file-too-large"));
}
