//! Every format hands over how its values were written, and names no file that could name a patient.

use std::fs;

use crate::site::Site;

fn field<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let fields = report["fields"].as_array().unwrap();
    fields.iter().find(|field| field["field"] == name).unwrap()
}

fn other(format: &str) -> Site {
    let site = Site::new(b"");
    fs::remove_file(site.path("source.csv")).unwrap();
    fs::create_dir(site.path("source.csv")).unwrap();
    let config = site.read("tokenizer.toml");
    let config = config
        .replace("format = \"csv\"", &format!("format = \"{format}\""))
        .replace("mapping = \"town.toml\"\n", "");
    fs::write(site.path("tokenizer.toml"), config).unwrap();
    site
}

#[test]
fn fields_of_other_formats_are_counted() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tokenize/tests/fixtures");
    for (format, files, carried) in [
        (
            "fhir",
            &["patients.ndjson", "coverages.ndjson"][..],
            &["kanji", "kana", "birth", "sex", "insurance"][..],
        ),
        (
            "eligibility",
            &["eligibility.xml"],
            &["kanji", "kana", "birth", "insurance"],
        ),
        ("checkup", &["checkup.zip"], &["birth", "sex", "insurance"]),
    ] {
        let site = other(format);
        for file in files {
            let to = site.path("source.csv").join(file);
            fs::copy(format!("{fixtures}/{file}"), to).unwrap();
        }
        let (report, _) = site.json();
        assert!(report["records"].as_u64() > Some(0), "{format}");
        for name in carried {
            assert_eq!(field(&report, name)["carried"], true, "{format} {name}");
        }
    }
}

#[test]
fn a_tree_is_counted_and_no_file_is_named() {
    let site = other("ssmix2");
    for number in 0..30 {
        let id = format!("777{number:05}");
        let folder = format!("source.csv/777/{}/{id}/-/ADT-00", &id[3..6]);
        fs::create_dir_all(site.path(&folder)).unwrap();
        let name = format!("{id}_-_ADT-00_999999999999999_20260101120000000_-_1");
        let text = format!(
            "MSH|^~\\&|HIS|H|GW|H|20260101||ADT^A08^ADT_A01|1|P|2.5||||||UNICODE UTF-8\r\
             PID|||{id}^^^^PI||山田^花子^^^^^L^I~ﾔﾏﾀﾞ^ﾊﾅｺ^^^^^L^P||19810203|F|||\
             ^^^^1000001^JPN^H^東京都千代田区千代田1-1\r"
        );
        let text = if number == 7 { "no message" } else { &text };
        fs::write(site.path(&format!("{folder}/{name}")), text).unwrap();
    }
    let (report, _) = site.json();
    assert_eq!(
        (&report["rows"], &report["records"]),
        (&30.into(), &29.into())
    );
    assert_eq!(field(&report, "kana")["usable"], 29);
    assert_eq!(field(&report, "kana")["noticed"][0][0], "half-width-kana");
    assert_eq!(report["files"]["versions"]["HL7 2.5"], 29);
    let place = &report["first_refused"][0];
    assert_eq!((&place["file"], &place["row"]), (&8.into(), &0.into()));
    assert_eq!(
        report["repeats"]["persons_with_several_numbers"]["count"],
        "<10"
    );
    assert!(!report.to_string().contains("777"), "{report}");
}
