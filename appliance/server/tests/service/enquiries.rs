//! Whose is this token? Who may ask, what each learns, and what goes on meanwhile.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use appliance_server::limits;
use linkage_proto::v1::{
    CreateReleaseRequest, CreateRunRequest, GetRunRequest, ResolveTokenRequest,
    ResolveTokenResponse, Run, RunState, StreamCrosswalkRequest, TokenAnswer,
};
use linker_token::{Flags, Schema};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    batches::{batch, manifest, reference, row, seal},
    client::{get, intake, linkage, reason},
    keys,
    process::{DESK, Folder, HOSPITAL, OPERATOR, OTHER_RESEARCH, RESEARCH, Service, TOWN},
};

const PROJECT: &str = "demo-study";
/// Nobody's record at any site.
const STRANGER: u64 = 9999;

async fn admit(folder: &Folder, service: &Service, site: &str, persons: impl Iterator<Item = u64>) {
    let uri = if site == "town" { TOWN } else { HOSPITAL };
    let batch = batch(site, persons);
    let sealed = seal(folder.path(), &batch, manifest(site, &batch));
    let answer = intake(folder, service, uri)
        .upload_batch(sealed.stream())
        .await;
    answer.expect("admitted");
}

async fn begin_run(folder: &Folder, service: &Service, request_id: &str) -> Run {
    let request = CreateRunRequest {
        request_id: request_id.into(),
    };
    let run = linkage(folder, service, OPERATOR).create_run(request).await;
    run.expect("starts").into_inner()
}

async fn state_of(folder: &Folder, service: &Service, run: &Run) -> Run {
    let request = GetRunRequest {
        run_id: run.run_id.clone(),
    };
    let found = linkage(folder, service, OPERATOR).get_run(request).await;
    found.expect("is there").into_inner()
}

/// Runs to the end.
async fn run(folder: &Folder, service: &Service, request_id: &str) -> Run {
    let begun = begin_run(folder, service, request_id).await;
    loop {
        let run = state_of(folder, service, &begun).await;
        if run.state() == RunState::Released {
            return run;
        }
        assert_ne!(run.state(), RunState::Failed, "{run:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn question(row: &[u64], project: &str) -> ResolveTokenRequest {
    ResolveTokenRequest {
        linkage_project: keys::project().to_string(),
        epoch: keys::EPOCH.0,
        schema_digest: Schema::jp_1().digest().0.to_vec(),
        secret_check: keys::CHECK.0.to_vec(),
        flags: Flags::default().bits(),
        row: row.iter().flat_map(|word| word.to_le_bytes()).collect(),
        project: project.into(),
    }
}

async fn ask(
    folder: &Folder,
    service: &Service,
    uri: &str,
    question: ResolveTokenRequest,
) -> Result<ResolveTokenResponse, Status> {
    let answer = linkage(folder, service, uri).resolve_token(question).await;
    answer.map(tonic::Response::into_inner)
}

async fn of_person(folder: &Folder, service: &Service, person: u64) -> ResolveTokenResponse {
    let answer = ask(folder, service, RESEARCH, question(&row(person), PROJECT)).await;
    answer.expect("an answer")
}

/// Waits until the index of a run answers: who asks before is told to come again.
async fn until_ready(service: &Service, run: &Run) {
    let begun = Instant::now();
    loop {
        let page = get(service.admin, "/?lang=en");
        let ready = format!("rows · <code>{}</code>", run.run_id);
        if page.contains(&ready) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Names of one person and everything else of another: as twins, or a guess, would look.
fn half_and_half(one: u64, other: u64) -> Vec<u64> {
    let names = Schema::jp_1().segments()[1].words.end;
    [&row(one)[..names], &row(other)[names..]].concat()
}

/// Three hundred persons at each of two sites, a hundred of them at both, and a run.
async fn two_sites(folder: &Folder, service: &Service) -> Run {
    admit(folder, service, "hospital", 0..300).await;
    admit(folder, service, "town", 200..500).await;
    let run = run(folder, service, "1").await;
    until_ready(service, &run).await;
    run
}

/// Pseudonyms of the crosswalk by site and reference.
async fn crosswalk(
    folder: &Folder,
    service: &Service,
    run: &Run,
) -> BTreeMap<(String, Vec<u8>), String> {
    let order = CreateReleaseRequest {
        request_id: "1".into(),
        run_id: run.run_id.clone(),
        project: PROJECT.into(),
        approval_number: "1".into(),
        recipient: "research".into(),
    };
    let mut research = linkage(folder, service, RESEARCH);
    let release = research.create_release(order).await.expect("is made");
    let request = StreamCrosswalkRequest {
        release_id: release.into_inner().release_id,
        cursor: 0,
    };
    let pages = research.stream_crosswalk(request).await;
    let mut pages = pages.expect("answers").into_inner();
    let mut rows = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page").rows.into_iter();
        rows.extend(page.map(|row| ((row.site, row.record_reference), row.pseudonym)));
    }
    rows
}

#[tokio::test]
async fn a_token_is_resolved_to_its_person() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let early = ask(&folder, &service, RESEARCH, question(&row(1), PROJECT)).await;
    assert_eq!(reason(early), (Code::FailedPrecondition, "NO_RUN".into()));
    let run = two_sites(&folder, &service).await;
    let crosswalk = crosswalk(&folder, &service, &run).await;
    for (person, site) in [
        (10, "hospital"),
        (250, "hospital"),
        (250, "town"),
        (450, "town"),
    ] {
        let answer = of_person(&folder, &service, person).await;
        assert_eq!(answer.answer(), TokenAnswer::Person, "{person}");
        let key = (site.to_owned(), reference(site, person).0.to_vec());
        assert_eq!(answer.pseudonym, crosswalk[&key], "{person} at {site}");
        assert_eq!(answer.run_id, run.run_id);
        assert!(answer.candidates.is_empty());
    }
    let nobody = of_person(&folder, &service, STRANGER).await;
    let expected = ResolveTokenResponse {
        answer: TokenAnswer::None.into(),
        run_id: run.run_id.clone(),
        ..ResolveTokenResponse::default()
    };
    assert_eq!(nobody, expected);
    let mixed = half_and_half(10, 20);
    let mixed = ask(&folder, &service, RESEARCH, question(&mixed, PROJECT)).await;
    let mixed = mixed.expect("an answer");
    assert_eq!(mixed.answer(), TokenAnswer::Ambiguous, "{mixed:?}");
    assert_eq!(mixed.pseudonym, "");
    assert!(!mixed.candidates.is_empty());
    // Projects cannot be joined through questions either, and nobody asks for another's.
    let other = ask(
        &folder,
        &service,
        OTHER_RESEARCH,
        question(&row(10), "other-study"),
    )
    .await;
    let own = of_person(&folder, &service, 10).await;
    assert_ne!(other.expect("an answer").pseudonym, own.pseudonym);
    let foreign = ask(
        &folder,
        &service,
        RESEARCH,
        question(&row(10), "other-study"),
    )
    .await;
    let none = ask(&folder, &service, RESEARCH, question(&row(10), "no-study")).await;
    let refused = (Code::PermissionDenied, "NOT_PERMITTED".to_owned());
    assert_eq!(reason(foreign), refused);
    assert_eq!(reason(none), refused);
}

#[tokio::test]
async fn a_desk_learns_yes_no_or_ambiguous_and_nothing_else() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let _run = two_sites(&folder, &service).await;
    for (row, answer) in [
        (row(250), TokenAnswer::Person),
        (row(STRANGER), TokenAnswer::None),
        (half_and_half(10, 20), TokenAnswer::Ambiguous),
    ] {
        let found = ask(&folder, &service, DESK, question(&row, "")).await;
        let expected = ResolveTokenResponse {
            answer: answer.into(),
            ..ResolveTokenResponse::default()
        };
        assert_eq!(found.expect("an answer"), expected);
    }
    let greedy = ask(&folder, &service, DESK, question(&row(250), PROJECT)).await;
    assert_eq!(reason(greedy), (Code::InvalidArgument, "MALFORMED".into()));
    let metrics = get(service.admin, "/metrics");
    for line in [
        r#"musubi_enquiries_total{role="consultation",answer="person"} 1"#,
        r#"musubi_enquiries_total{role="consultation",answer="none"} 1"#,
        r#"musubi_enquiries_total{role="consultation",answer="ambiguous"} 1"#,
        r#"musubi_enquiries_total{role="consultation",answer="refused"} 1"#,
        "musubi_lookup_index_rows 600",
        "musubi_lookup_index_age_seconds ",
        "musubi_lookup_index_bytes ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// All of a refusal that a caller sees.
fn seen(status: &Status) -> (Code, String, Vec<u8>, String) {
    let info = status.get_details_error_info();
    let info = format!("{info:?} {:?}", status.get_details_retry_info());
    let details = status.details().to_vec();
    (status.code(), status.message().to_owned(), details, info)
}

/// A site encodes whom it likes. Nothing that it gets tells whether others hold that person: not of one
/// that another site holds, of one that it holds itself, of nobody, and of no token at all.
#[tokio::test]
async fn a_site_learns_nothing_about_persons_of_others() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let before = ask(&folder, &service, HOSPITAL, question(&row(450), "")).await;
    let before = seen(&before.expect_err("a refusal"));
    assert_eq!(before.0, Code::PermissionDenied);
    let _run = two_sites(&folder, &service).await;
    for uri in [HOSPITAL, TOWN] {
        for asked in [
            question(&row(450), ""),
            question(&row(10), ""),
            question(&row(250), PROJECT),
            question(&row(STRANGER), ""),
            question(&[u64::MAX; 16], ""),
            ResolveTokenRequest::default(),
        ] {
            let refused = ask(&folder, &service, uri, asked).await;
            assert_eq!(seen(&refused.expect_err("a refusal")), before, "{uri}");
        }
    }
    let operator = ask(&folder, &service, OPERATOR, question(&row(450), "")).await;
    assert_eq!(seen(&operator.expect_err("a refusal")), before);
    // What a site does get: the receipt of a batch says the same whether its persons are known elsewhere.
    let mut receipts = Vec::new();
    for (sequence, persons) in [(1, 400..450), (2, 5000..5050)] {
        let batch = batch("hospital", persons);
        let manifest = linker_token::Manifest {
            sequence,
            ..manifest("hospital", &batch)
        };
        let sealed = seal(folder.path(), &batch, manifest);
        let receipt = intake(&folder, &service, HOSPITAL)
            .upload_batch(sealed.stream())
            .await;
        let receipt = receipt.expect("admitted").into_inner();
        let entry: serde_json::Value = serde_json::from_slice(&receipt.audit_entry).expect("JSON");
        receipts.push((
            receipt.rows_admitted,
            receipt.quarantined_by_reason,
            entry["counts"].clone(),
        ));
    }
    assert_eq!(receipts[0], receipts[1]);
}

#[tokio::test]
async fn questions_that_cannot_be_answered_are_refused_by_name() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let _run = two_sites(&folder, &service).await;
    let good = question(&row(10), PROJECT);
    let with = |change: fn(&mut ResolveTokenRequest)| {
        let mut question = good.clone();
        change(&mut question);
        question
    };
    let narrow = question(&row(10)[..15], PROJECT);
    let cases = [
        (
            with(|q| q.linkage_project = "other".into()),
            Code::FailedPrecondition,
            "WRONG_PROJECT",
        ),
        (
            with(|q| q.epoch += 1),
            Code::FailedPrecondition,
            "WRONG_EPOCH",
        ),
        (
            with(|q| q.schema_digest[0] ^= 1),
            Code::FailedPrecondition,
            "WRONG_SCHEMA",
        ),
        (
            with(|q| q.secret_check[0] ^= 1),
            Code::FailedPrecondition,
            "WRONG_SECRET",
        ),
        (
            with(|q| q.flags = 1 << 20),
            Code::InvalidArgument,
            "MALFORMED",
        ),
        (
            with(|q| q.project.clear()),
            Code::InvalidArgument,
            "MALFORMED",
        ),
        (
            with(|q| q.row.truncate(127)),
            Code::InvalidArgument,
            "MALFORMED",
        ),
        (narrow, Code::InvalidArgument, "MALFORMED"),
        (
            question(&[u64::MAX; 16], PROJECT),
            Code::InvalidArgument,
            "HOSTILE_TOKEN",
        ),
        (
            question(&[0; 16], PROJECT),
            Code::InvalidArgument,
            "HOSTILE_TOKEN",
        ),
        (
            question(&[0x5555_5555_5555_5555; 16], PROJECT),
            Code::InvalidArgument,
            "HOSTILE_TOKEN",
        ),
    ];
    for (question, code, name) in cases {
        let refused = ask(&folder, &service, RESEARCH, question).await;
        assert_eq!(reason(refused), (code, name.into()));
    }
    let fine = ask(&folder, &service, RESEARCH, good).await;
    assert_eq!(fine.expect("an answer").answer(), TokenAnswer::Person);
}

#[tokio::test]
async fn questions_are_few_and_each_is_in_the_log() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let run = two_sites(&folder, &service).await;
    let (burst, _) = limits::ENQUIRY_PACE_DESK;
    let begun = Instant::now();
    let mut answered = 0;
    let refused = loop {
        match ask(&folder, &service, DESK, question(&row(answered), "")).await {
            Ok(_) => answered += 1,
            Err(status) => break status,
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{answered}");
    };
    // So many at once, and those that the time itself has paid for.
    assert!(answered >= u64::from(burst), "{answered}");
    assert!(answered <= u64::from(burst) + begun.elapsed().as_secs() / 10 + 1);
    let wait = refused.get_details_retry_info();
    assert!(wait.is_some_and(|wait| wait.retry_delay.is_some()));
    let refused = reason(Err::<(), _>(refused));
    assert_eq!(
        refused,
        (Code::ResourceExhausted, "TOO_MANY_ENQUIRIES".into())
    );
    // Who asks too much keeps nobody else from asking.
    let other = of_person(&folder, &service, STRANGER).await;
    assert_eq!(other.answer(), TokenAnswer::None);
    let hostile = ask(&folder, &service, RESEARCH, question(&[0; 16], PROJECT)).await;
    assert!(hostile.is_err());
    assert!(service.stop().success());
    let output = folder.run(&["audit", "export", "--config", "appliance.toml"]);
    let log = String::from_utf8(output.stdout).expect("text");
    let asked: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(r#""operation":"resolve-token""#))
        .collect();
    assert_eq!(asked.len() as u64, answered + 2);
    let by_desk = asked.iter().filter(|line| line.contains(DESK));
    for line in by_desk {
        // Who, when and against which run; nothing that tells a known person from an unknown one.
        let entry = &line[line.find('{').expect("JSON")..];
        let entry: serde_json::Value = serde_json::from_str(entry).expect("JSON");
        assert_eq!(entry["subject"], run.run_id.as_str());
        assert_eq!(entry["result"], "ok");
        assert_eq!(entry["counts"], serde_json::json!({}));
        assert_eq!(entry.get("details"), None);
    }
    assert!(asked[asked.len() - 1].contains(r#""result":"HOSTILE_TOKEN""#));
    assert!(asked[asked.len() - 1].contains(r#""details":{"project":"demo-study"}"#));
}

#[tokio::test]
async fn answers_go_on_while_a_batch_is_admitted_and_a_run_goes_on() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let first = two_sites(&folder, &service).await;
    let known = of_person(&folder, &service, 250).await;
    let unknown = of_person(&folder, &service, 5000).await;
    assert_eq!(unknown.answer(), TokenAnswer::None);
    // Enough that the run takes its time.
    let more = admit(&folder, &service, "town", 4000..12_000);
    let meanwhile = async {
        for _ in 0..10 {
            assert_eq!(of_person(&folder, &service, 250).await, known);
        }
    };
    tokio::join!(more, meanwhile);
    // Admitted is not yet linked.
    assert_eq!(of_person(&folder, &service, 5000).await, unknown);
    let second = begin_run(&folder, &service, "2").await;
    let (mut during, mut asked) = (0, 0);
    let answer = loop {
        let active = state_of(&folder, &service, &second).await.state() != RunState::Released;
        let answer = of_person(&folder, &service, 250).await;
        assert_eq!(answer.answer(), TokenAnswer::Person);
        assert_eq!(answer.pseudonym, known.pseudonym, "an ID stays");
        if answer.run_id == second.run_id {
            break answer;
        }
        assert_eq!(answer.run_id, first.run_id);
        during += u32::from(active);
        asked += 1;
        assert!(asked < 60, "the index of the second run answers in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(during > 0, "the run was going on");
    assert_eq!(answer.pseudonym, known.pseudonym);
    let found = of_person(&folder, &service, 5000).await;
    assert_eq!(found.answer(), TokenAnswer::Person);
}

#[tokio::test]
async fn a_restart_answers_as_before() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let run = two_sites(&folder, &service).await;
    let (known, nobody) = (
        of_person(&folder, &service, 250).await,
        of_person(&folder, &service, STRANGER).await,
    );
    // Of a batch that no run has taken yet, nothing may be found after the restart either.
    admit(&folder, &service, "town", 700..710).await;
    assert!(service.stop().success());
    let service = folder.serve();
    // It listens before its index stands: then the caller is told to come again.
    let early = ask(&folder, &service, RESEARCH, question(&row(250), PROJECT)).await;
    match early {
        Ok(answer) => assert_eq!(answer, known),
        Err(status) => {
            assert!(status.get_details_retry_info().is_some());
            let refused = reason(Err::<(), _>(status));
            assert_eq!(refused, (Code::Unavailable, "INDEX_BUILDING".into()));
        }
    }
    until_ready(&service, &run).await;
    assert_eq!(of_person(&folder, &service, 250).await, known);
    assert_eq!(of_person(&folder, &service, STRANGER).await, nobody);
    let late = of_person(&folder, &service, 705).await;
    assert_eq!(late.answer(), TokenAnswer::None);
    assert!(get(service.admin, "/metrics").contains("musubi_lookup_index_rows 600"));
}

#[tokio::test]
async fn a_desk_must_be_enrolled() {
    let Some(folder) = Folder::new() else { return };
    let all = ["hospital", "town", "consultation"];
    for (sites, expires, name) in [
        (&all[..2], u64::MAX / 2, "NOT_ENROLLED"),
        (&all[..], 1_000_000_000, "ENROLMENT_EXPIRED"),
    ] {
        keys::enrol(folder.path(), sites, keys::CHECK, expires);
        let service = folder.serve();
        let refused = ask(&folder, &service, DESK, question(&row(1), "")).await;
        assert_eq!(reason(refused), (Code::FailedPrecondition, name.into()));
        assert!(service.stop().success());
    }
}

/// Where nobody may ask, nothing is built, and a run has all the memory.
#[tokio::test]
async fn without_anybody_who_may_ask_there_is_no_index() {
    let Some(folder) = Folder::new() else { return };
    let config = std::fs::read_to_string(folder.config()).expect("reads");
    let (others, desk) = config
        .split_once("[[caller]]\nuri = \"spiffe://musubi/desk")
        .expect("a desk");
    let others = others.replace("resolve_tokens = true\n", "");
    std::fs::write(folder.config(), &others).expect("writes");
    let service = folder.serve();
    admit(&folder, &service, "town", 0..300).await;
    let run = run(&folder, &service, "1").await;
    assert!(get(service.admin, "/?lang=en").contains("off: no caller may ask"));
    // A desk that is entered later gets its index without a restart.
    let with = format!("{others}[[caller]]\nuri = \"spiffe://musubi/desk{desk}");
    std::fs::write(folder.config(), with).expect("writes");
    service.signal("-HUP");
    until_ready(&service, &run).await;
    let answer = ask(&folder, &service, DESK, question(&row(1), "")).await;
    assert_eq!(answer.expect("an answer").answer(), TokenAnswer::Person);
}
