//! The screens of a whole enrolment and upload in Japanese, as a clerk sees them.

use encoding_rs::{EUC_JP, SHIFT_JIS};

use crate::support::{
    appliance::Appliance,
    site::{Site, text},
};

/// Runs a verb under a locale, off the test's runtime.
async fn shown(site: &Site, locale: &str, args: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let mut command = site.command(args);
    command.env("LC_ALL", locale);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    (output.stdout, output.stderr)
}

/// Words of sentences: three English words in a row.
fn english(text: &str) -> Option<String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let word = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase());
    let found = words.windows(3).find(|three| three.iter().all(word));
    found.map(|three| three.join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_is_japanese() {
    const LOCALE: &str = "ja_JP.UTF-8";
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    site.people(20);
    let mut screens = Vec::new();
    for args in [&["enrol"][..], &["status"], &["run"]] {
        screens.push(shown(&site, LOCALE, args).await);
    }
    site.enrol(&appliance);
    let package = site.path("site.pkg");
    let source = site.path("source.csv");
    let exported = site.path("table.csv");
    for args in [
        &["accept-key", package.to_str().unwrap()][..],
        &["check", source.to_str().unwrap()],
        &["check-config"],
        &["run"],
        &["run"],
        &["status"],
        &["report"],
        &["table", "export", exported.to_str().unwrap()],
        &["table", "find", "00112233445566778899aabbccddeeff"],
        &["run", "--send"],
        &["lookup", "--stdin"],
    ] {
        screens.push(shown(&site, LOCALE, args).await);
    }
    for (out, errors) in &screens {
        let screen = text(out) + &text(errors);
        println!("{screen}");
        assert_eq!(english(&screen), None, "{screen}");
    }
    let done = text(&screens[6].1);
    assert!(
        done.contains("完了しました") && done.contains("受理 20行"),
        "{done}"
    );
    let again = text(&screens[7].1);
    assert!(again.contains("送信済みでした"), "{again}");
    assert!(text(&screens[8].0).contains("受領書"));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_terminals_get_their_bytes() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    let (_, expected) = shown(&site, "ja_JP.UTF-8", &["run"]).await;
    let expected = text(&expected);
    for (locale, encoding) in [("ja_JP.SJIS", SHIFT_JIS), ("ja_JP.eucJP", EUC_JP)] {
        let (_, bytes) = shown(&site, locale, &["run"]).await;
        let (decoded, _, damaged) = encoding.decode(&bytes);
        assert!(!damaged && std::str::from_utf8(&bytes).is_err(), "{locale}");
        assert_eq!(decoded, expected, "{locale}");
        let (json, _) = shown(&site, locale, &["run", "--json"]).await;
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["code"], "NOT_INITIALISED");
    }
    let (_, odd) = shown(&site, "ja_JP.ISO-2022-JP", &["run"]).await;
    let odd = text(&odd);
    assert!(
        odd.starts_with("the locale's character set") && odd.contains("\nerror [NOT_INITIALISED]"),
        "{odd}"
    );
}
