//! `lookup` at a consultation desk: what is asked, what is said, and what is never written or shown.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use linkage_proto::v1::TokenAnswer;
use linker_token::Epoch;

use crate::support::{
    appliance::Appliance,
    site::{EPOCH, HEADER, Site, text, tree},
};

/// Values of nobody, none of which occurs by chance.
const KANA: &str = "シラベ ナナシ";
const ADDRESS: &str = "東京都千代田区千代田1-1";
const OBJECT: &str =
    "kana-name=シラベ ナナシ\nbirth-date=1979-03-04\naddress=東京都千代田区千代田1-1\n";

/// A desk with its own configuration, keys and package.
fn desk(appliance: &Appliance) -> Site {
    let site = Site::enrolled(appliance);
    as_desk(&site);
    site
}

fn as_desk(site: &Site) {
    let config = fs::read_to_string(site.path("tokenizer.toml")).unwrap();
    let (head, rest) = config.split_once("[source]").unwrap();
    let (_, rest) = rest.split_once("[keys]").unwrap();
    let (rest, _) = rest.split_once("[upload]").unwrap();
    let head = head.replace("state = ", "role = \"consultation\"\nstate = ");
    site.write("tokenizer.toml", format!("{head}[keys]{rest}"));
}

fn ask(site: &Site, more: &[&str], object: &str) -> Output {
    let mut command = site.command(&[&["lookup", "--stdin"], more].concat());
    let mut asking = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = asking.stdin.take().unwrap();
    // Whoever is refused before reads nothing.
    let _unread = stdin.write_all(object.as_bytes());
    drop(stdin);
    asking.wait_with_output().unwrap()
}

async fn asked(site: &Site, more: &'static [&str], object: &'static str) -> Output {
    let folder: &Path = site.folder.path();
    let (folder, config) = (folder.to_owned(), site.path("tokenizer.toml"));
    let asking = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokenizer"));
        command.args(["lookup", "--stdin"]).args(more);
        command.arg("--config").arg(config).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut asking = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = asking.stdin.take().unwrap();
        stdin.write_all(object.as_bytes()).unwrap();
        drop(stdin);
        asking.wait_with_output().unwrap()
    });
    asking.await.unwrap()
}

fn all(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

fn refused(output: &Output, exit: i32, code: &str) {
    assert_eq!(output.status.code(), Some(exit), "{}", all(output));
    let said = all(output);
    assert!(said.contains(&format!("error [{code}]")), "{said}");
    for value in ["シラベ", "marked", "1979", "千代田"] {
        assert!(!said.contains(value), "{said}");
    }
}

/// A desk has the next key already; which epoch answers is the appliance's to say.
#[tokio::test(flavor = "multi_thread")]
async fn a_desk_with_two_keys_asks_until_the_epoch_in_force_answers() {
    let appliance = Appliance::start().await;
    let site = desk(&appliance);
    site.accept(&appliance, Epoch(EPOCH + 1));
    appliance.lock().answer = TokenAnswer::Person;
    for (in_force, expected) in [(EPOCH, &[EPOCH + 1, EPOCH][..]), (EPOCH + 1, &[EPOCH + 1])] {
        appliance.lock().in_force = Some(in_force);
        appliance.lock().asked.clear();
        let output = asked(&site, &[], OBJECT).await;
        assert_eq!(output.status.code(), Some(0), "{}", all(&output));
        assert!(all(&output).contains("yes"));
        let inner = appliance.lock();
        let epochs: Vec<u32> = inner.asked.iter().map(|asked| asked.epoch).collect();
        assert_eq!(epochs, expected);
        let rows: BTreeSet<_> = inner.asked.iter().map(|asked| &asked.row).collect();
        assert_eq!(rows.len(), expected.len(), "each under its own key");
    }
    // Neither of them.
    appliance.lock().in_force = Some(EPOCH + 2);
    let output = asked(&site, &[], OBJECT).await;
    refused(&output, 1, "WRONG_EPOCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_says_yes_no_or_ambiguous_and_writes_nothing() {
    let appliance = Appliance::start().await;
    let site = desk(&appliance);
    let before = tree(site.folder.path());
    for (answer, word, code) in [
        (TokenAnswer::Person, "yes\n", "YES"),
        (TokenAnswer::None, "no\n", "NO"),
        (TokenAnswer::Ambiguous, "ambiguous\n", "AMBIGUOUS"),
    ] {
        appliance.lock().answer = answer;
        let output = asked(&site, &[], OBJECT).await;
        assert_eq!(output.status.code(), Some(0), "{}", all(&output));
        let said = text(&output.stdout);
        assert!(
            said.starts_with(word) && said.lines().count() == 2,
            "{said}"
        );
        let output = asked(&site, &["--json"], OBJECT).await;
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&object["result"], &object["code"]),
            (&"done".into(), &code.into())
        );
        assert!(
            object["advice"]
                .as_str()
                .is_some_and(|advice| !advice.is_empty())
        );
    }
    let ambiguous = text(&asked(&site, &[], OBJECT).await.stdout);
    assert!(ambiguous.contains("look up again"), "{ambiguous}");
    appliance.lock().answer = TokenAnswer::Unspecified;
    refused(&asked(&site, &[], OBJECT).await, 69, "REMOTE_FAILED");
    appliance.lock().unavailable = 1;
    refused(&asked(&site, &[], OBJECT).await, 75, "UNAVAILABLE");
    assert_eq!(tree(site.folder.path()), before);
}

/// The desk's row is the one that a site makes of the same person.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_person_has_the_same_row_at_desk_and_site() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let row = format!("1,,{KANA},1979-03-04,,,{ADDRESS}\n");
    site.write("source.csv", format!("{HEADER}{row}"));
    site.upload(0).await;
    as_desk(&site);
    let output = asked(&site, &[], OBJECT).await;
    assert_eq!(output.status.code(), Some(69), "{}", all(&output));
    let inner = appliance.lock();
    let (_, batch, _) = inner.batches.values().next().unwrap();
    let question = &inner.asked[0];
    let bytes: Vec<u8> = batch
        .row(0)
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    assert_eq!(question.row, bytes);
    assert_eq!(question.flags, batch.flags()[0].bits());
    assert_eq!(
        (question.epoch, question.linkage_project.as_str()),
        (EPOCH, "demo")
    );
    assert_eq!(question.project, "", "a desk names no project");
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_are_no_arguments() {
    let appliance = Appliance::start().await;
    let site = desk(&appliance);
    for stray in [
        &["marked-name"][..],
        &["--kana-name", "marked"],
        &["--kana-name=marked"],
        &["-n", "marked"],
        &["--stdin", "marked"],
    ] {
        // Behind the configuration, where they would be taken if they were taken anywhere.
        let config = site.path("tokenizer.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokenizer"));
        command
            .arg("lookup")
            .arg("--config")
            .arg(config)
            .args(stray);
        let output = command.stdin(Stdio::null()).output().unwrap();
        refused(&output, 2, "ENQUIRY_IN_ARGUMENTS");
        // Before it, they take the configuration with them.
        let output = site.run(&[&["lookup"], stray].concat());
        assert_eq!(output.status.code(), Some(2), "{}", all(&output));
        assert!(!all(&output).contains("marked"), "{}", all(&output));
    }
    assert!(appliance.lock().asked.is_empty());
}

/// What another user of the machine sees of the process.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_typed_stands_in_the_list_of_processes() {
    let appliance = Appliance::start().await;
    let site = desk(&appliance);
    let mut command = site.command(&["lookup", "--stdin"]);
    let mut asking = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = asking.stdin.take().unwrap();
    stdin.write_all(OBJECT.as_bytes()).unwrap();
    stdin.flush().unwrap();
    // Its input is open, so it waits: now look.
    for file in ["cmdline", "environ", "comm"] {
        let shown = fs::read(format!("/proc/{}/{file}", asking.id())).unwrap();
        let mark = KANA.as_bytes();
        assert!(!shown.windows(mark.len()).any(|window| window == mark));
    }
    drop(stdin);
    assert!(asking.wait_with_output().unwrap().status.code().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_and_what_cannot_be_read_are_refused_before_anything_is_sent() {
    let appliance = Appliance::start().await;
    let site = desk(&appliance);
    for (object, exit, code) in [
        ("", 65, "ENQUIRY_TOO_THIN"),
        ("kana-name=シラベ ナナシ", 65, "ENQUIRY_TOO_THIN"),
        (
            "kana-name=シラベ ナナシ\nbirth-date=marked",
            65,
            "ENQUIRY_UNREADABLE",
        ),
        ("{\"kana-name\": \"marked", 65, "ENQUIRY_MALFORMED"),
        ("record-id=marked", 65, "ENQUIRY_MALFORMED"),
    ] {
        refused(&ask(&site, &[], object), exit, code);
    }
    let thin = all(&ask(&site, &["--json"], "kana-name=シラベ ナナシ"));
    assert!(thin.contains("what would help: birth date"), "{thin}");
    assert!(appliance.lock().asked.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_site_has_no_desk_and_a_desk_no_source() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    refused(&ask(&site, &[], OBJECT), 64, "CONFIG_VALUE");
    as_desk(&site);
    for verb in [&["run"][..], &["check", "source.csv"]] {
        refused(&site.run(verb), 64, "CONFIG_VALUE");
    }
    let checked = site.run(&["check-config"]);
    assert_eq!(checked.status.code(), Some(0), "{}", all(&checked));
    assert!(text(&checked.stdout).contains("site.role = consultation"));
    assert!(appliance.lock().asked.is_empty());
}

/// The terminal itself is asked, so that neither question nor answer gets into a redirected file.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_asked_and_nothing_else() {
    let appliance = Appliance::start().await;
    let site = desk(&appliance);
    appliance.lock().answer = TokenAnswer::Person;
    let config = site.path("tokenizer.toml").display().to_string();
    let program = env!("CARGO_BIN_EXE_tokenizer");
    // Without a terminal of its own, whatever the test was started from.
    let alone = Command::new("setsid")
        .args(["--wait", program, "lookup", "--config", &config])
        .stdin(Stdio::null())
        .output();
    let Ok(alone) = alone else {
        eprintln!("SKIPPED: setsid is not installed");
        return;
    };
    refused(&alone, 2, "NO_TERMINAL");
    let out = site.path("answer.txt").display().to_string();
    let line = format!("{program} lookup --config {config} > {out} 2>&1");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut typing) = script.spawn() else {
        eprintln!("SKIPPED: script is not installed");
        return;
    };
    let answers = format!("{KANA}\n\n1979-03-04\n女\n\n{ADDRESS}\n\n\n\n\n");
    let mut keyboard = typing.stdin.take().unwrap();
    keyboard.write_all(answers.as_bytes()).unwrap();
    let shown = tokio::task::spawn_blocking(move || {
        let output = typing.wait_with_output().unwrap();
        drop(keyboard);
        output
    });
    let shown = shown.await.unwrap();
    let screen = text(&shown.stdout);
    assert!(screen.contains("name in kana: "), "{screen}");
    assert_eq!(shown.status.code(), Some(0), "{screen}");
    let file = fs::read_to_string(site.path("answer.txt")).unwrap();
    assert!(file.starts_with("yes\n"), "{file}");
    assert!(
        !file.contains("name in kana") && !file.contains("シラベ"),
        "{file}"
    );
    assert_eq!(appliance.lock().asked.len(), 1);
}
