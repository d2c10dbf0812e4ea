//! Readinesss and exit codes.

use encoding_rs::SHIFT_JIS;

use crate::site::{HEADER, Site, people};

/// A table with one column changed by a function of the row's number.
fn changed(count: usize, column: usize, change: impl Fn(usize, &str) -> String) -> String {
    let mut out = HEADER.to_owned();
    for (number, line) in people(count).lines().skip(1).enumerate() {
        let mut cells: Vec<_> = line.split(',').map(str::to_owned).collect();
        cells[column] = change(number, &cells[column]);
        out += &(cells.join(",") + "\n");
    }
    out
}

fn codes(report: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| (text(&finding["code"]), text(&finding["field"])))
        .collect()
}

#[track_caller]
fn assert_found(table: &[u8], code: &str, field: &str, readiness: &str, exit: i32) {
    let (report, status) = Site::new(table).json();
    let found = codes(&report);
    assert!(
        found.contains(&(code.to_owned(), field.to_owned())),
        "{code} {field}: {found:?}"
    );
    assert_eq!(report["readiness"], readiness, "{code}: {found:?}");
    assert_eq!(status, exit, "{code}");
}

#[test]
fn good_data_are_ready() {
    let site = Site::new(people(2000).as_bytes());
    let (report, status) = site.json();
    assert_eq!(codes(&report), []);
    assert_eq!((&report["readiness"], status), (&"ready".into(), 0));
    assert_eq!(report["result"], "done");
    assert_eq!(report["repeats"]["record_numbers"]["count"], 2000);
    assert!(!site.path("state").exists(), "no keys are needed or made");
}

/// One row in so many has this in a column: what is found, and where.
const WARNINGS: &[(usize, usize, &str, &str, &str)] = &[
    (1, 20, "山■田", "wildcards", "kanji"),
    (1, 30, "螻ｱ逕ｰ螟ｪ驛", "mojibake", "kanji"),
    (1, 30, "山\u{e001}", "private-use", "kanji"),
    (1, 30, "山\u{fffd}", "replacements", "kanji"),
    (2, 20, "漢字", "other-script", "kana"),
    (2, 20, "フメイ", "default-value", "kana"),
    (3, 20, "1900-01-01", "birth-placeholder", "birth"),
    (3, 20, "1970-02-31", "birth-impossible", "birth"),
    (3, 20, "2999-01-01", "birth-placeholder", "birth"),
    (3, 20, "2149-01-01", "birth-future", "birth"),
    (3, 20, "1870-01-01", "birth-too-old", "birth"),
    (4, 20, "7", "sex-code", "sex"),
    (4, 1, "1", "sex-balance", "sex"),
    (5, 20, "0000000", "postal-bad", "postal"),
    (7, 20, "01130013", "check-digit", "insurance"),
    (7, 20, "1130012", "insurer-width", "insurance"),
];

fn assert_warns(table: &str, code: &str, field: &str) {
    assert_found(table.as_bytes(), code, field, "ready-with-warnings", 0);
}

#[test]
fn planted_faults_are_warned_of() {
    for &(column, share, with, code, field) in WARNINGS {
        let change = |number: usize, was: &str| {
            let planted = number.is_multiple_of(share);
            if planted { with } else { was }.to_owned()
        };
        assert_warns(&changed(1000, column, change), code, field);
    }
}

#[test]
fn warnings_leave_the_exit_code_alone() {
    let cut = |number: usize, was: &str| {
        let long = number.is_multiple_of(10);
        let name: String = was.chars().cycle().take(12).collect();
        if long { name } else { was.to_owned() }
    };
    assert_warns(&changed(1000, 2, cut), "cut-off", "kana");
    let mut twice = people(1000);
    for line in people(30).lines().skip(1) {
        twice += &format!("9{line}\n");
    }
    assert_warns(&twice, "several-numbers", "");
    let mut short = people(1000);
    short += &"short\n".repeat(20);
    assert_warns(&short, "rows-refused", "");
}

#[test]
fn what_should_not_be_sent_is_refused() {
    let stop = |table: &str, code: &str, exit: i32| {
        let field = if code == "mojibake" { "kanji" } else { "" };
        assert_found(table.as_bytes(), code, field, "do-not-send", exit);
    };
    stop(&changed(1000, 3, |_, _| String::new()), "no-births", 1);
    stop(&changed(1000, 3, |_, _| "x".to_owned()), "no-births", 65);
    let garbled = |number: usize, was: &str| {
        let garbled = number.is_multiple_of(10);
        if garbled {
            "螻ｱ逕ｰ螟ｪ驛"
        } else {
            was
        }
        .to_owned()
    };
    stop(&changed(1000, 1, garbled), "mojibake", 1);
    stop(&(people(100) + &"short\n".repeat(50)), "run-refuses", 65);
}

#[test]
fn a_refusal_says_its_code_and_prints_the_report() {
    let table = changed(1000, 3, |_, _| String::new());
    let site = Site::new(table.as_bytes());
    let output = site.check(&["--lang", "en"]);
    assert_eq!(output.status.code(), Some(1));
    let (told, error) = (output.stdout, output.stderr);
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("[X] Readiness: do not send"), "{told}");
    let error = String::from_utf8(error).unwrap();
    assert!(error.contains("error [NOT_READY]"), "{error}");
}

#[test]
fn rows_that_were_left_out_can_be_found() {
    let site = Site::new((people(100) + "short\n,,,,,,,,,,\n").as_bytes());
    let (report, _) = site.json();
    assert_eq!(report["refused"]["row-columns"], 1);
    let places = report["first_refused"].as_array().unwrap();
    assert_eq!(places.len(), 2);
    assert_eq!(
        (&places[0]["row"], &places[0]["file"]),
        (&102.into(), &1.into())
    );
    let output = site.check(&["--lang", "en"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("rows 102"), "{text}");
}

#[test]
fn encodings_are_told_as_declared_and_as_found() {
    let text = people(100).replace('\n', "\r\n");
    let bytes = SHIFT_JIS.encode(&text).0;
    let site = Site::new(&bytes);
    let (report, _) = site.json();
    assert_eq!(report["files"]["encoding_declared"], "auto");
    assert_eq!(report["files"]["encodings_found"]["CP932"], 1);
    assert_eq!(report["files"]["line_ends"]["CRLF"], 1);
    let mapping = site.read("town.toml");
    std::fs::write(
        site.path("town.toml"),
        format!("encoding = \"utf-8\"\n{mapping}"),
    )
    .unwrap();
    let (report, status) = site.json();
    assert_eq!(status, 65);
    assert_eq!(report["files"]["encoding_declared"], "UTF-8");
    assert_eq!(report["error"]["code"], "ENCODING_UNKNOWN");
}

#[test]
fn a_file_beside_the_configured_one_is_checked() {
    let site = Site::new(b"");
    std::fs::write(site.path("other.csv"), people(100)).unwrap();
    let output = site.check(&["other.csv", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["records"], 100);
}

#[test]
fn the_locale_chooses_the_language() {
    let site = Site::new(people(60).as_bytes());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tokenizer"));
    command.args(["check", "--config"]);
    command.arg(site.path("tokenizer.toml"));
    command.env("LC_ALL", "ja_JP.UTF-8");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("判定: 送信できます"), "{text}");
}
