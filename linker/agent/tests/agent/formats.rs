//! The other formats from end to end, and memory under load.

use std::fs;

use crate::support::{
    appliance::Appliance,
    site::{Site, people},
};

fn message(patient: &str, name: &str, kana: &str, event: &str) -> String {
    format!(
        "MSH|^~\\&|HIS|H|GW|H|20260101||ADT^{event}^ADT_A01|1|P|2.5||||||UNICODE UTF-8\r\
         PID|||{patient}^^^^PI||{name}^^^^^^L^I~{kana}^^^^^^L^P||19810203|F|||\
         ^^^^1000001^JPN^H^東京都千代田区千代田1-1\r"
    )
}

fn patient(site: &Site, patient: &str, flag: u8, text: &str) {
    let folder = format!(
        "source.csv/{}/{}/{patient}/-/ADT-00",
        &patient[..3],
        &patient[3..6]
    );
    fs::create_dir_all(site.path(&folder)).unwrap();
    let name = format!("{patient}_-_ADT-00_999999999999999_2026010112000000{flag}_-_{flag}");
    site.write(&format!("{folder}/{name}"), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_of_patients_is_crawled() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.reconfigure("format = \"csv\"", "format = \"ssmix2\"");
    site.reconfigure("mapping = \"town.toml\"\n", "");
    for number in 0..9 {
        let id = format!("{number:08}");
        let name: String = "山川田中村上下木林".chars().skip(number).take(1).collect();
        let text = message(&id, &format!("{name}田^花子"), "アイ^ハナコ", "A08");
        patient(&site, &id, 1, &text);
        patient(&site, &id, 2, "an old version is not read");
    }
    patient(&site, "00000100", 0, "a deleted patient is not read");
    patient(
        &site,
        "00000101",
        1,
        &message("00000101", "山^花", "ヤマ^ハナ", "A23"),
    );
    patient(&site, "00000102", 1, "not a message");
    let done = site.upload(0).await;
    assert_eq!((&done["files"], &done["records"]), (&11.into(), &9.into()));
    assert_eq!(done["deleted_patients"], 2);
    assert_eq!(done["refused"]["wrong-structure"], 1);
    assert_eq!(done["rows_admitted"], 9);
    let problems = fs::read_to_string(site.path("state/problems.csv")).unwrap();
    assert!(
        problems.contains("00000102_-_ADT-00"),
        "the site finds the file: {problems}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_carries_my_numbers_is_stopped() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.reconfigure("format = \"csv\"", "format = \"ssmix2\"");
    site.reconfigure("mapping = \"town.toml\"\n", "");
    for seed in 0..20 {
        let id = super::sources::my_number(seed);
        patient(
            &site,
            &id,
            1,
            &message(&id, "山田^花子", "ヤマダ^ハナコ", "A08"),
        );
    }
    let object = site.refused(65, "MY_NUMBER_COLUMN").await;
    assert!(object["message"].as_str().unwrap().contains("PID-3"));
    assert!(!object.to_string().contains(&super::sources::my_number(3)));
    assert_eq!(appliance.lock().chunks_kept, 0);
}

fn claims(months: u32) -> String {
    let mut text = "IR,1,13,1,1234567,,病院,202601,00\r\n".to_owned();
    for month in 0..months {
        for (chart, name) in [("A1", "山田　花子"), ("A2", "川田　太郎")] {
            let before = format!("RE,{month},1112,5080{month},{name},2,19810203");
            text += &format!("{before},,,,,,,{chart}{}\r\n", ",".repeat(23));
            text += "HO,06123456,12,345,1,1000,,,,,,,,\r\n";
        }
    }
    text + "GO,1,100,99\r\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn many_claims_of_one_person_make_one_token() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.reconfigure("format = \"csv\"", "format = \"uke\"");
    site.reconfigure("mapping = \"town.toml\"\n", "");
    fs::create_dir(site.path("source.csv")).unwrap();
    site.write("source.csv/202601.UKE", claims(6));
    site.write("source.csv/202602.UKE", claims(3));
    let done = site.upload(0).await;
    assert_eq!((&done["rows"], &done["tokens"]), (&18.into(), &2.into()));
    assert_eq!(done["tokens_repeated"], 16);
    assert_eq!(site.table().lines().count(), 3);
    let cut = claims(1).replace("GO,1,100,99\r\n", "");
    site.write("source.csv/202602.UKE", cut);
    site.refused(65, "FILE_TRUNCATED").await;
}

/// An object of the old kind without preamble, implicit and little endian.
fn object(patient: &str, name: &str) -> Vec<u8> {
    let element = |group: u8, tag: [u8; 2], value: &str| {
        let value = format!("{value}{}", " ".repeat(value.len() % 2));
        let length = u8::try_from(value.len()).unwrap();
        [
            &[group, 0, tag[0], tag[1], length, 0, 0, 0],
            value.as_bytes(),
        ]
        .concat()
    };
    [
        element(8, [5, 0], "ISO_IR 192"),
        element(16, [16, 0], name),
        element(16, [32, 0], patient),
        element(16, [48, 0], "19810203"),
        element(16, [64, 0], "F"),
        element(32, [13, 0], "1.2"),
    ]
    .concat()
}

fn files_of(format: &str) -> Vec<(&'static str, Vec<u8>)> {
    let care = "1,1,0,1,711,0,0,1370000001,0,1,202602,1\r\n\
        2,2,7131,01,202601,1370000001,00131016,0000000017,,,,,,,19400302,2,21,\r\n3,3\r\n";
    let form1 = "131234567\t0000000017\t20260104\t0\t0\tA000010\t20140401\t0\t19400302\t2\t1000013\t\t\t\t\t\t\r\n";
    let hl7 = message("1", "山^花", "ヤマ^ハナ", "A08")
        + &message("2", "川^花", "カワ^ハナ", "A08")
        + &message("2", "川^花", "カワ^ハナ", "A23");
    match format {
        "care" => vec![("a.csv", care.into())],
        "dpc" => vec![
            ("FF1_1.txt", form1.into()),
            ("EFn_1.txt", b"not read".into()),
        ],
        "hl7" => vec![("a.hl7", hl7.into())],
        "register" => vec![
            (
                "a.csv",
                include_bytes!("../../../tokenize/tests/fixtures/register.csv").into(),
            ),
            ("a.txt", b"not read".into()),
        ],
        _ => vec![
            ("IM1", object("17", "YAMA^HANA=山^花=やま^はな")),
            ("IM2", object("17", "YAMA^HANA=山^花=やま^はな")),
            ("IM3", b"not an object".into()),
            ("DICOMDIR", b"not read".into()),
        ],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_format_is_read() {
    for (format, files, records, deleted, refused) in [
        ("care", 1, 1, 0, 0),
        ("dpc", 1, 1, 0, 0),
        ("hl7", 1, 1, 1, 0),
        ("register", 1, 2, 0, 0),
        ("dicom", 3, 2, 0, 1),
    ] {
        let appliance = Appliance::start().await;
        let site = Site::enrolled(&appliance);
        site.reconfigure("format = \"csv\"", &format!("format = \"{format}\""));
        site.reconfigure("mapping = \"town.toml\"\n", "");
        fs::create_dir(site.path("source.csv")).unwrap();
        for (name, bytes) in files_of(format) {
            site.write(&format!("source.csv/{name}"), bytes);
        }
        let done = site.upload(0).await;
        assert_eq!(done["files"], files, "{format}: {done}");
        assert_eq!(done["records"], records, "{format}: {done}");
        assert_eq!(done["deleted_patients"], deleted, "{format}: {done}");
        let left_out = done["refused"]["wrong-structure"].as_u64();
        assert_eq!(left_out.unwrap_or(0), refused, "{format}: {done}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_carry_my_numbers_are_stopped() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.reconfigure("format = \"csv\"", "format = \"dicom\"");
    site.reconfigure("mapping = \"town.toml\"\n", "");
    fs::create_dir(site.path("source.csv")).unwrap();
    for seed in 0..20 {
        let id = super::sources::my_number(seed);
        site.write(&format!("source.csv/{seed}.dcm"), object(&id, "YAMA^HANA"));
    }
    let told = site.refused(65, "MY_NUMBER_COLUMN").await.to_string();
    assert!(told.contains("0010,0020"), "{told}");
    assert!(!told.contains(&super::sources::my_number(3)));
}

/// A million rows take a minute: `MUSUBI_ROWS=1000000 cargo test -p linker-agent memory`.
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_far_below_a_gibibyte() {
    let rows = std::env::var("MUSUBI_ROWS").ok();
    let rows = rows.map_or(10_000, |rows| rows.parse().unwrap());
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.write("source.csv", people(0..rows));
    let done = site.upload(0).await;
    assert_eq!(done["rows_admitted"], rows);
    let peak = done["peak_rss_bytes"].as_u64().unwrap();
    println!(
        "{rows} rows, peak {} MiB, {} s",
        peak >> 20,
        done["seconds"]
    );
    assert!((1..512 << 20).contains(&peak), "{peak} bytes");
}

/// The encoder derives the reference by itself, since it may not link the key hierarchy.
#[test]
fn references_are_derived_as_the_key_hierarchy_says() {
    use keymgmt_custody::{Secret, hierarchy};
    use linker_token::{Epoch, ProjectId, Schema};
    let project = ProjectId::parse("demo").unwrap();
    let encoder =
        linker_tokenize::Encoder::new(&Schema::jp_1(), &[1; 32], &[2; 32], &project, Epoch(1));
    let key = Secret::take(&mut [2; 32]);
    let whole = hierarchy::derive_in_host(&key, hierarchy::Label::Reference, b"0000123");
    assert_eq!(encoder.reference("0000123").0, whole.expose()[..16]);
}
