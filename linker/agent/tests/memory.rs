//! A table of any size is read in the same memory.

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
    let mut child = Command::new(env!("CARGO_BIN_EXE_tokenizer"))
        .current_dir(folder)
        .args(["check", "--config", "tokenizer.toml", "--json", "table.csv"])
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
