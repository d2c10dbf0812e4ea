//! Sources that must be refused, with clear words and nothing sent.

use crate::support::{
    appliance::Appliance,
    site::{HEADER, Site, people, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn bad_sources_are_named_and_nothing_of_them_is_sent() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let good = people(0..60);
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let numbered = good.replace("postal", "個人番号");
    let mut numbers = String::from("number,kanji,kana,birth,sex,postal,address,code\n");
    for (line, row) in good.lines().skip(1).enumerate() {
        numbers += &format!("{row},{}\n", my_number(line));
    }
    let cases: Vec<(Vec<u8>, i32, &str)> = vec![
        // Without its mark nobody can say what it is.
        (utf16, 65, "ENCODING_UNKNOWN"),
        (vec![0xff; 100], 65, "ENCODING_UNKNOWN"),
        (
            good.as_bytes()[..good.len() - 60].to_vec(),
            65,
            "FILE_TRUNCATED",
        ),
        (
            format!("{good}\"0000099,cut").into_bytes(),
            65,
            "FILE_TRUNCATED",
        ),
        (Vec::new(), 65, "FILE_TRUNCATED"),
        (HEADER.as_bytes().to_vec(), 65, "SOURCE_EMPTY"),
        (
            good.replacen("birth", "born", 1).into_bytes(),
            65,
            "COLUMN_WRONG",
        ),
        (
            good.replacen("postal", "birth", 1).into_bytes(),
            65,
            "COLUMN_WRONG",
        ),
        (numbered.into_bytes(), 65, "MY_NUMBER_COLUMN"),
        (numbers.into_bytes(), 65, "MY_NUMBER_COLUMN"),
        (mixed(&good), 65, "ROWS_REFUSED"),
    ];
    for (bytes, exit, code) in cases {
        site.write("source.csv", bytes);
        let object = site.refused(exit, code).await;
        let told = object.to_string();
        assert!(!told.contains(&my_number(3)), "no value: {told}");
    }
    std::fs::remove_file(site.path("source.csv")).unwrap();
    site.refused(65, "SOURCE_MISSING").await;
    assert_eq!(appliance.lock().chunks_kept, 0);
    assert!(site.files("state/outbox").is_empty());
}

/// Every other row has a column too many.
fn mixed(good: &str) -> Vec<u8> {
    let rows = good.lines().enumerate();
    let rows = rows.map(|(at, row)| {
        if at % 2 == 1 {
            format!("{row},x\n")
        } else {
            format!("{row}\n")
        }
    });
    rows.collect::<String>().into_bytes()
}

/// Twelve digits with a right check digit (weights 6 5 4 3 2 7 6 5 4 3 2, modulus 11).
pub(super) fn my_number(seed: usize) -> String {
    let body = format!("{:011}", 12_345_678_901_usize + seed * 7_654_321);
    let weights = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let digits = body.bytes().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    let check = if sum % 11 <= 1 { 0 } else { 11 - sum % 11 };
    format!("{body}{check}")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_of_many_stops_the_run_before_anything_is_sent() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    std::fs::create_dir(site.path("source.csv")).unwrap();
    site.write("source.csv/1.csv", people(0..60));
    site.write(
        "source.csv/2.csv",
        people(60..120).replacen("kana", "other", 1),
    );
    let object = site.refused(65, "COLUMN_WRONG").await;
    assert!(object["message"].as_str().unwrap().contains("2.csv"));
    assert_eq!(appliance.rows(), 0);
    site.write("source.csv/2.csv", people(60..120));
    assert_eq!(site.upload(0).await["rows_admitted"], 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_next_run_goes_on() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(20_000);
    // No file may grow past 900 KiB: a part of the linkage table fits, a chunk does not.
    let mut limited = std::process::Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f 900; exec \"$0\" run --json --config \"$1\"";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_tokenizer")]);
    limited.arg(site.path("tokenizer.toml"));
    let output = tokio::task::spawn_blocking(move || limited.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("error [DISK_FULL]"),
        "{}",
        text(&output.stderr)
    );
    assert!(site.files("state/outbox").is_empty());
    assert_eq!(site.upload(0).await["rows_admitted"], 20_000);
    assert_eq!(appliance.admissions(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_do_not_meet_in_one_state_folder() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(10);
    appliance.lock().stop = Some(crate::support::appliance::Stop::Policy);
    let mut first = site.command(&["run"]).spawn().unwrap();
    appliance.stopped.notified().await;
    site.refused(75, "STATE_BUSY").await;
    first.kill().unwrap();
    first.wait().unwrap();
    site.upload(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_counts_and_shows_places_only() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    site.write("source.csv", people(0..60) + "0000999,short\n");
    let file = site.path("source.csv");
    let output = site.run(&["check", "--json", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["rows"], &report["records"]),
        (&61.into(), &60.into())
    );
    assert_eq!(report["first_refused"][0]["row"], 62);
    assert!(!site.path("state").exists(), "nothing is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_columns_are_refused_before_anything_is_sent() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(60);
    let mapping = std::fs::read_to_string(site.path("town.toml")).unwrap();
    let swapped = mapping
        .replace("header = \"birth\"", "header = \"-\"")
        .replace("header = \"sex\"", "header = \"birth\"")
        .replace("header = \"-\"", "header = \"sex\"");
    site.write("town.toml", swapped);
    let object = site.refused(65, "FIELD_UNREADABLE").await;
    let told = object["message"].as_str().unwrap();
    assert!(told.ends_with("birth-date, in 60 of 60 records"), "{told}");
    assert_eq!(appliance.lock().chunks_kept, 0);
    assert!(site.files("state/outbox").is_empty());

    // A source that does not carry a field is no fault, and a run says what it noticed.
    let column = "[[column]]\nheader = \"birth\"\nfield = \"birth-date\"\n";
    site.write("town.toml", mapping.replace(column, ""));
    let output = tokio::task::block_in_place(|| site.run(&["run"]));
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("checked 1 file: 60 rows"), "{told}");
    assert!(told.contains("noticed no-birth-date 60"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_refuses_what_has_no_record() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    for (bytes, code, told) in [
        (HEADER.to_owned(), "SOURCE_EMPTY", "Rows 0"),
        (
            format!("{HEADER}0000999,short\n"),
            "ROWS_REFUSED",
            "row-columns                  1",
        ),
    ] {
        site.write("source.csv", bytes);
        let file = site.path("source.csv");
        let output = site.run(&["check", "--lang", "en", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(65));
        let errors = text(&output.stderr);
        assert!(errors.contains(&format!("error [{code}]")), "{errors}");
        let report = text(&output.stdout);
        assert!(report.contains(told), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_encoding_names_who_declared_it() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    site.people(10);
    let mapping = std::fs::read_to_string(site.path("town.toml")).unwrap();
    site.write("town.toml", format!("encoding = \"cp932\"\n{mapping}"));
    let file = site.path("source.csv");
    let output = site.run(&["check", file.to_str().unwrap()]);
    let errors = text(&output.stderr);
    assert!(errors.contains("the mapping says CP932"), "{errors}");
}
