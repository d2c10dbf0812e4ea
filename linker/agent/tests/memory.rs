//! A file of any size is read in the same memory, whatever its format.

#![expect(clippy::unwrap_used, reason = "helpers of a test")]

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Bytes of the table, far beyond the bound.
const TABLE_BYTES: usize = 96 << 20;
/// Most memory of the whole program, its report's counters included: 45 MiB for a table of one row, the
/// beginning of the file that the report looks at, and room.
const PEAK_KIB_MAX: u64 = 80 << 10;

#[test]
fn a_large_table_takes_no_more_memory_than_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let mut rows = String::new();
    for number in 0..1000 {
        // Plainly artificial people, of the letters that a row can have.
        writeln!(
            rows,
            "{number:08},山田　花{},ﾔﾏﾀﾞ ﾊﾅｺ,S45.3.{},2,1000001,岐阜県岐阜市都通{}丁目2-3",
            ["子", "江", "代"][number % 3],
            1 + number % 28,
            1 + number % 9,
        )
        .unwrap();
    }
    let (rows, _, _) = encoding_rs::SHIFT_JIS.encode(&rows);
    let (header, _, _) = encoding_rs::SHIFT_JIS.encode("番号,氏名,カナ,生年月日,性別,郵便,住所\n");
    let repeats = TABLE_BYTES / rows.len();
    let small = inspect(folder.path(), &header, &rows, 1);
    let large = inspect(folder.path(), &header, &rows, repeats);
    assert_eq!((small.0, large.0), (1000, 1000 * repeats as u64));
    assert!(
        large.1 < PEAK_KIB_MAX,
        "{} KiB, a small one {}",
        large.1,
        small.1
    );
}

/// Bytes of a file of another format, beyond the bound too.
const FILE_BYTES: usize = 64 << 20;

#[test]
fn large_claims_take_no_more_memory_than_small_ones() {
    // A claim of four kilobytes, most of which are of no concern.
    let claim = |number: usize| {
        let service = format!("SI,21,1,180016110,,{},1\r\n", number % 90).repeat(160);
        format!(
            "RE,{number},1112,202606,山田　花{},2,3450302,,,,,,,{number:08}\r\n\
             HO,06130012,１２３,{},1,100,,1000\r\n{service}",
            ["子", "江", "代"][number % 3],
            1 + number % 97,
        )
    };
    let head = "IR,1,13,1,1234567,,地の病院,202607,00,03-0000-0000\r\n";
    large_and_small("uke", "claims.uke", head, claim, "GO,1,1,99\r\n");
}

#[test]
fn large_files_of_messages_take_no_more_memory_than_small_ones() {
    let message = |number: usize| {
        let note = "x".repeat(4000);
        format!(
            "MSH|^~\\&|A|B|C|D|20260101||ADT^A08|{number}|P|2.5\r\
             PID|1||{number:08}^^^^PI||YAMADA^HANAKO^^^^^L^P||19700302|F\rNTE|1||{note}\r"
        )
    };
    large_and_small("hl7", "dump.hl7", "", message, "");
}

#[test]
fn large_files_of_resources_take_no_more_memory_than_small_ones() {
    let patient = |number: usize| {
        let text = "x".repeat(4000);
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{number}\",\"text\":{{\"div\":\"{text}\"}},\
             \"name\":[{{\"text\":\"山田 花子\"}}],\"birthDate\":\"1970-03-02\"}}\n"
        )
    };
    large_and_small("fhir", "Patient.ndjson", "", patient, "");
}

/// Reads a file of many records and one of few.
fn large_and_small(
    format: &str,
    name: &str,
    head: &str,
    record: impl Fn(usize) -> String,
    end: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let config = folder.path().join("tokenizer.toml");
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("format = \"csv\"", &format!("format = \"{format}\""));
    let text = text.replace("mapping = \"map.toml\"\nencoding = \"cp932\"\n", "");
    fs::write(&config, text).unwrap();
    let few = FILE_BYTES / record(1).len() / 100;
    for (records, is_large) in [(few, false), (100 * few, true)] {
        let path = folder.path().join(name);
        let mut file = BufWriter::new(File::create(&path).unwrap());
        let mut put = |text: &str| {
            let bytes = if format == "uke" {
                encoding_rs::SHIFT_JIS.encode(text).0
            } else {
                text.as_bytes().into()
            };
            file.write_all(&bytes).unwrap();
        };
        put(head);
        (1..=records).for_each(|number| put(&record(number)));
        put(end);
        file.into_inner().unwrap();
        let (read, peak) = look_at(folder.path(), name);
        assert_eq!(read, records as u64);
        assert!(!is_large || peak < PEAK_KIB_MAX, "{peak} KiB");
    }
}

fn configure(folder: &Path) {
    let columns = [
        ("番号", "record-id"),
        ("氏名", "kanji-name"),
        ("カナ", "kana-name"),
        ("生年月日", "birth-date"),
        ("性別", "sex"),
        ("郵便", "postal-code"),
        ("住所", "address"),
    ];
    let mapping = columns.iter().fold(String::new(), |text, (header, field)| {
        format!("{text}[[column]]\nheader = \"{header}\"\nfield = \"{field}\"\n")
    });
    fs::write(folder.join("map.toml"), mapping).unwrap();
    fs::write(
        folder.join("tokenizer.toml"),
        r#"[site]
name = "town"
state = "state"
[source]
format = "csv"
path = "."
mapping = "map.toml"
encoding = "cp932"
[keys]
custody_key = "csk.spki"
[appliance]
address = "https://127.0.0.1:1"
server_name = "appliance.example"
origin = "musubi.example/test"
ca = "ca.pem"
certificate = "town.pem"
key = "town.key"
"#,
    )
    .unwrap();
}

/// Usable records, and the most memory in KiB.
fn inspect(folder: &Path, header: &[u8], rows: &[u8], repeats: usize) -> (u64, u64) {
    let table = folder.join("table.csv");
    let mut file = BufWriter::new(File::create(&table).unwrap());
    file.write_all(header).unwrap();
    for _ in 0..repeats {
        file.write_all(rows).unwrap();
    }
    file.into_inner().unwrap();
    look_at(folder, "table.csv")
}

/// Usable records of a file, and the most memory in KiB.
fn look_at(folder: &Path, name: &str) -> (u64, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tokenizer"))
        .current_dir(folder)
        .args(["check", "--config", "tokenizer.toml", "--json", name])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The kernel keeps the peak, so the last look is what counts, and the file takes seconds.
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_kib(child.id()).unwrap_or(0));
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{told}");
    let report: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert!(peak > 0, "its memory was never seen");
    (report["records"].as_u64().unwrap(), peak)
}

fn peak_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
