//! No planted value comes out of a report, whatever its form, whatever is wrong with the row.

use crate::site::{HEADER, Site, people};

/// Values that appear nowhere else, in every column, good and bad.
const MARKED: &[&str] = &[
    "CANARY-1",
    "標識漢字太郎",
    "ヒョウシキカナ",
    "ﾋｮｳｼｷｶﾅ",
    "1987-06-05",
    "標識市標識町",
    "98-71",
    "98712",
    "9871234",
    "CANARYCODE",
    "CANARYNUMBER",
    "06139876",
    "CANARYSPARE",
    "標■識",
];

fn table() -> String {
    let mut table = people(80);
    for row in [
        "CANARY-1,標識漢字太郎,ヒョウシキカナ,1987-06-05,1,9871234,東京都標識市標識町98-71,06139876,CANARYNUMBER,98,CANARYSPARE",
        "CANARY-1,標識漢字太郎,ﾋｮｳｼｷｶﾅ,1987-06-05x,CANARYCODE,98712-x,標識市標識町,06139876,,,CANARYSPARE",
        "CANARY-12,標■識漢字太郎,標識漢字太郎,9871-98-71,CANARYCODE,CANARYCODE,,CANARYNUMBER,98712,CANARYCODE,CANARYSPARE",
        "CANARY-13,標識漢字太郎,too short",
        "CANARY-14,\"標識漢字太郎\"x,CANARYSPARE,,,,,,,,",
        ",標識漢字太郎,ヒョウシキカナ,1987-06-05,1,9871234,標識市標識町,06139876,CANARYNUMBER,98,CANARYSPARE",
    ] {
        // Often enough not to be hidden as a small count.
        for _ in 0..3 {
            table += row;
            table.push('\n');
        }
    }
    table
}

fn assert_silent(form: &str, text: &str) {
    for marked in MARKED {
        assert!(!text.contains(marked), "{form} tells {marked}");
    }
    assert!(!text.contains("CANARY"), "{form}");
}

#[test]
fn no_planted_value_comes_out() {
    let site = Site::new(table().as_bytes());
    for arguments in [
        &["--lang", "en", "--html", "en.html"][..],
        &["--lang", "ja", "--html", "ja.html"],
        &["--json", "--html", "json.html"],
    ] {
        let output = site.check(arguments);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.len() > 500, "a report: {told}");
        assert_silent("standard output", &told);
        assert_silent("standard error", &String::from_utf8(output.stderr).unwrap());
    }
    for page in ["en.html", "ja.html", "json.html"] {
        assert_silent(page, &site.read(page));
    }
    assert!(!site.path("state").exists(), "nothing is kept");
}

#[test]
fn a_source_with_forbidden_numbers_is_not_counted() {
    let mut table = HEADER.replace("spare", "個人番号");
    for line in people(60).lines().skip(1) {
        table += &format!("{line}123456789018\n");
    }
    let site = Site::new(table.as_bytes());
    let output = site.check(&["--json", "--html", "out.html"]);
    assert_eq!(output.status.code(), Some(65));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["error"]["code"], "MY_NUMBER_COLUMN");
    assert_eq!(report["readiness"], "do-not-send");
    assert_eq!(
        (&report["rows"], &report["records"]),
        (&0.into(), &0.into())
    );
    for text in [site.read("out.html"), report.to_string()] {
        assert!(!text.contains("123456789018"));
    }
}

#[test]
fn small_counts_are_hidden_in_every_form() {
    // Three without a sex, of a thousand: neither they nor those with one are told.
    let mut table = String::new();
    for (number, line) in people(1000).lines().enumerate() {
        let mut cells: Vec<_> = line.split(',').collect();
        if (10..13).contains(&number) {
            cells[4] = "";
        }
        table += &(cells.join(",") + "\n");
    }
    let site = Site::new(table.as_bytes());
    let (report, _) = site.json();
    assert_eq!(report["sexes"]["unknown"], "<10");
    assert_eq!(report["quality"]["no-sex"], "<10");
    for shown in [&report["sexes"]["male"], &report["sexes"]["female"]] {
        assert!(shown.as_str().unwrap().starts_with('~'), "{shown}");
    }
    let fields = report["fields"].as_array().unwrap();
    let sex = fields.iter().find(|field| field["field"] == "sex").unwrap();
    assert_eq!(
        (&sex["usable"], &sex["empty"]),
        (&"~1000".into(), &"<10".into())
    );
    let output = site.check(&["--lang", "en", "--html", "out.html"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Counts of people below 10 are shown as <10"));
    for form in [text, site.read("out.html")] {
        assert!(!form.contains("997") && !form.contains("99.7%"), "{form}");
    }
}
