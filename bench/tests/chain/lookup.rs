//! "Are you in?" at a consultation desk: the real agent asks a real appliance after a real run. Somebody who
//! is in, somebody who is not, somebody who could be either of two; and nothing of it is written.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use bench::{
    client::Client,
    demo::pki,
    errors::Preset,
    people::Population,
    sites::{Site, town},
};
use encoding_rs::SHIFT_JIS;
use linkage_proto::v1::{CreateRunRequest, GetRunRequest, RunState, linkage_client::LinkageClient};
use serde_json::{Value, json};

use crate::rig::{Rig, programs, text};

/// Cells of one resident by the names of their columns.
type Resident = BTreeMap<String, String>;

/// Residents of a register with everything that a desk asks for.
fn residents(register: &[u8]) -> Vec<Resident> {
    let (register, ..) = SHIFT_JIS.decode(register);
    let mut lines = register.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let cells = |line: &str| -> Resident {
        let cells = header.iter().zip(line.split(','));
        cells
            .map(|(name, cell)| ((*name).to_owned(), cell.to_owned()))
            .collect()
    };
    let whole = |resident: &Resident| {
        let has = |name: &str| !resident[name].is_empty();
        [
            "氏名",
            "氏名カナ",
            "生年月日",
            "性別",
            "郵便番号",
            "住所",
            "国保番号",
        ]
        .into_iter()
        .all(has)
            && !resident["氏名"].contains(['■', '●', '〓', '？'])
    };
    lines.map(cells).filter(whole).collect()
}

/// What a person says at the desk, whose name may be another's.
fn said(resident: &Resident, name: &Resident) -> Value {
    json!({
        "kanji-name": name["氏名"],
        "kana-name": name["氏名カナ"],
        "birth-date": resident["生年月日"],
        "sex": resident["性別"],
        "postal-code": resident["郵便番号"],
        "address": resident["住所"],
        "insurer": format!("{:0>8}", resident["国保保険者番号"]),
        "insured-symbol": resident["国保記号"],
        "insured-number": format!("{:0>7}", resident["国保番号"]),
        "insured-branch": format!("{:0>2}", resident["国保枝番"]),
    })
}

fn lookup(rig: &Rig, object: &Value) -> Output {
    let mut command = Command::new(&programs().tokenizer);
    command.args(["lookup", "--stdin", "--json", "--config"]);
    command.arg(rig.folder.desk_config());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut asking = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = asking.stdin.take().unwrap();
    stdin.write_all(object.to_string().as_bytes()).unwrap();
    drop(stdin);
    asking.wait_with_output().unwrap()
}

/// The code of the answer.
fn answer(rig: &Rig, object: &Value) -> String {
    let output = lookup(rig, object);
    assert!(output.status.success(), "{}", text(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!answer["advice"].as_str().unwrap().is_empty());
    answer["code"].as_str().unwrap().to_owned()
}

async fn run(rig: &Rig, address: &str) {
    let pki = rig.folder.pki();
    let client = Client {
        address: address.to_owned(),
        server_name: pki::SERVER_NAME.to_owned(),
        ca: pki.join("ca.pem"),
        certificate: pki.join("operator.pem"),
        key: pki.join("operator.key"),
    };
    let mut operator = LinkageClient::new(client.connect().await.unwrap());
    let request = CreateRunRequest {
        request_id: "1".to_owned(),
    };
    let begun = operator.create_run(request).await.unwrap().into_inner();
    let watch = GetRunRequest {
        run_id: begun.run_id,
    };
    let mut states = operator.watch_run(watch).await.unwrap().into_inner();
    let mut last = RunState::Unspecified;
    while let Some(run) = states.message().await.unwrap() {
        last = run.state();
    }
    assert_eq!(last, RunState::Released);
}

/// Waits until the status page says that the look-up index answers.
async fn index_answers(admin: &str) {
    let begun = Instant::now();
    loop {
        let mut stream = TcpStream::connect(admin).unwrap();
        let request =
            format!("GET /?lang=en HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        if page.contains(" rows · <code>") {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

/// All files of the desk, with their bytes.
fn desk(rig: &Rig) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    files(&rig.folder.desk(), &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

/// Nobody who was only asked for is in any file but a site's own, where a namesake may be.
fn no_trace(rig: &Rig, strangers: &[Resident]) {
    let mut all = Vec::new();
    files(rig.folder.path(), &mut all);
    assert!(all.len() > 40, "{} files are searched", all.len());
    for file in all {
        let bytes = fs::read(&file).unwrap();
        for stranger in strangers {
            let marks = ["氏名", "氏名カナ", "住所"].map(|cell| stranger[cell].as_bytes());
            for mark in marks {
                let found = bytes.windows(mark.len()).any(|window| window == mark);
                let is_site = file.starts_with(rig.folder.path().join("sites"));
                assert!(!found || is_site, "{}", file.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_learns_who_is_in_and_leaves_no_trace() {
    let rig = Rig::new(1_500, 65_536).await;
    let register = fs::read(rig.folder.site(Site::Town).join("residents.csv")).unwrap();
    let known = residents(&register);
    let mut elsewhere = Vec::new();
    town::write(
        &Population::generate(1_500, 99),
        Preset::TypicalHospital,
        &mut elsewhere,
        &mut |_| Ok(()),
    )
    .unwrap();
    let strangers = residents(&elsewhere);
    assert!(known.len() > 100 && strangers.len() > 100);
    let kept = desk(&rig);

    let mut server = rig.start().await;
    let early = lookup(&rig, &said(&known[0], &known[0]));
    assert_eq!(early.status.code(), Some(1), "{}", text(&early));
    assert!(text(&early).contains("NO_RUN"), "{}", text(&early));
    for site in Site::ALL {
        let output = rig.agent(site);
        assert!(output.status.success(), "{}", text(&output));
    }
    run(&rig, &server.ports().grpc.clone()).await;
    index_answers(&server.ports().admin.clone()).await;

    // A record may be apart from its person's others, or like a relative's: hardly ever two of three.
    let asked = [0, 40, 80].map(|at| answer(&rig, &said(&known[at], &known[at])));
    assert!(!asked.contains(&"NO".to_owned()), "{asked:?}");
    let yes = asked.iter().filter(|code| *code == "YES").count();
    assert!(yes >= 2, "{asked:?}");
    let asked = [0, 40, 80].map(|at| answer(&rig, &said(&strangers[at], &strangers[at])));
    assert!(!asked.contains(&"YES".to_owned()), "{asked:?}");
    let no = asked.iter().filter(|code| *code == "NO").count();
    assert!(no >= 2, "{asked:?}");
    // Everything of one resident under the name of another: a twin, or somebody who tries.
    let twin = answer(&rig, &said(&known[0], &known[60]));
    assert_eq!(twin, "AMBIGUOUS");

    // A source site's certificate opens nothing, whatever the desk's configuration says.
    let config = fs::read_to_string(rig.folder.desk_config()).unwrap();
    let disguised = config
        .replace("desk.pem", "town.pem")
        .replace("desk.key", "town.key");
    let disguised = disguised.replace("name = \"consultation\"", "name = \"town\"");
    let state = rig.folder.site(Site::Town).join("state");
    let disguised = disguised.replace(
        "state = \"state\"",
        &format!("state = {:?}", state.display().to_string()),
    );
    fs::write(rig.folder.desk_config(), disguised).unwrap();
    for person in [&known[0], &strangers[0]] {
        let refused = lookup(&rig, &said(person, person));
        assert_eq!(refused.status.code(), Some(77), "{}", text(&refused));
        assert!(
            text(&refused).contains("NOT_PERMITTED"),
            "{}",
            text(&refused)
        );
    }
    fs::write(rig.folder.desk_config(), config).unwrap();

    server.stop().await.unwrap();
    let mut server = rig.start().await;
    index_answers(&server.ports().admin.clone()).await;
    assert_eq!(answer(&rig, &said(&known[0], &known[60])), "AMBIGUOUS");
    server.stop().await.unwrap();
    rig.verify_audit();
    assert_eq!(desk(&rig), kept, "nothing is written at the desk");
    no_trace(
        &rig,
        &[&strangers[0], &strangers[40], &strangers[80]].map(Clone::clone),
    );
}
