//! Runs, counts, releases and the crosswalk.

use std::{collections::BTreeMap, time::Duration};

use appliance_server::{pseudonym, service::release::Digester};
use linkage_proto::v1::{
    CreateReleaseRequest, CreateRunRequest, CrosswalkRow, GetRunRequest, ListRunsRequest,
    PlanRunRequest, Release, Run, RunState, StreamCrosswalkRequest,
};
use linker_token::RecordRef;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};

use crate::{
    batches::{batch, manifest, reference, seal},
    client::{get, intake, linkage, reason},
    process::{COLLEAGUE, Folder, HOSPITAL, OPERATOR, OTHER_RESEARCH, RESEARCH, Service, TOWN},
};

async fn admit(folder: &Folder, service: &Service, uri: &str, site: &str, persons: &[u64]) {
    let batch = batch(site, persons.iter().copied());
    let sealed = seal(folder.path(), &batch, manifest(site, &batch));
    let answer = intake(folder, service, uri)
        .upload_batch(sealed.stream())
        .await;
    answer.expect("admitted");
}

pub(crate) async fn create(
    folder: &Folder,
    service: &Service,
    request_id: &str,
) -> Result<Run, Status> {
    let request = CreateRunRequest {
        request_id: request_id.into(),
    };
    let answer = linkage(folder, service, OPERATOR).create_run(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Starts a run and watches it to its end.
pub(crate) async fn run(folder: &Folder, service: &Service, request_id: &str) -> Run {
    let run = create(folder, service, request_id).await.expect("starts");
    let request = GetRunRequest {
        run_id: run.run_id.clone(),
    };
    let states = linkage(folder, service, RESEARCH)
        .watch_run(request.clone())
        .await;
    let mut states = states.expect("answers").into_inner();
    let mut last = None;
    while let Some(state) = states.next().await {
        last = Some(state.expect("a state"));
    }
    let last = last.expect("at least one state");
    let found = linkage(folder, service, OPERATOR).get_run(request).await;
    assert_eq!(found.expect("is there").into_inner(), last);
    last
}

pub(crate) fn order(run: &Run, request_id: &str) -> CreateReleaseRequest {
    CreateReleaseRequest {
        request_id: request_id.into(),
        run_id: run.run_id.clone(),
        project: "demo-study".into(),
        approval_number: "2026-1".into(),
        recipient: "research".into(),
    }
}

pub(crate) async fn release(
    folder: &Folder,
    service: &Service,
    order: CreateReleaseRequest,
) -> Result<Release, Status> {
    let answer = linkage(folder, service, RESEARCH)
        .create_release(order)
        .await;
    answer.map(tonic::Response::into_inner)
}

pub(crate) async fn rows(
    folder: &Folder,
    service: &Service,
    release: &Release,
    cursor: u64,
) -> Vec<CrosswalkRow> {
    let release_id = release.release_id.clone();
    let request = StreamCrosswalkRequest { release_id, cursor };
    let pages = linkage(folder, service, RESEARCH)
        .stream_crosswalk(request)
        .await;
    let mut pages = pages.expect("answers").into_inner();
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        rows.extend(page.rows);
        assert_eq!(page.cursor, cursor + rows.len() as u64);
    }
    rows
}

#[tokio::test]
async fn from_batches_to_a_crosswalk() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let nothing = create(&folder, &service, "0").await;
    assert_eq!(
        reason(nothing),
        (Code::FailedPrecondition, "NOTHING_TO_LINK".into())
    );
    let (here, there): (Vec<u64>, Vec<u64>) = ((0..300).collect(), (200..500).collect());
    admit(&folder, &service, HOSPITAL, "hospital", &here).await;
    admit(&folder, &service, TOWN, "town", &there).await;
    let plan = linkage(&folder, &service, OPERATOR)
        .plan_run(PlanRunRequest {})
        .await;
    let plan = plan.expect("answers").into_inner();
    assert_eq!((plan.rows, plan.records), (600, 600));
    assert!(plan.pairs_total > 0);
    let first = run(&folder, &service, "1").await;
    assert_eq!(first.state(), RunState::Released, "{first:?}");
    let counts = first.counts.expect("counts");
    assert_eq!(counts.records, 600);
    assert_eq!(counts.persons_found, 500);
    assert_eq!(counts.sum_of_site_uniques, 600);
    assert_eq!(counts.cumulative, 500);
    for stage in ["load", "block", "em", "compare", "cluster", "ids"] {
        assert!(
            first.stage_seconds.contains_key(stage),
            "{stage}: {first:?}"
        );
    }
    assert_eq!(
        create(&folder, &service, "1").await.expect("is there"),
        first
    );
    let digest = crosswalk(&folder, &service, &first).await;
    let page = get(service.admin, "/?lang=en");
    assert!(page.contains("<strong>500</strong>persons found"), "{page}");
    assert!(service.stop().success());
    assert!(!folder.log().contains("\"ERROR\""), "{}", folder.log());
    let output = folder.run(&["audit", "export", "--config", "appliance.toml"]);
    let log = String::from_utf8(output.stdout).expect("text");
    let details = format!(
        r#""details":{{"digest":"{}","project":"demo-study","recipient":"research","run":"{}"}}"#,
        hex::encode(digest),
        first.run_id
    );
    assert!(log.contains(&details), "{log}");
}

/// The crosswalk of 300 records at each of two sites, 100 persons of both. Returns its digest.
async fn crosswalk(folder: &Folder, service: &Service, run: &Run) -> Vec<u8> {
    let first = release(folder, service, order(run, "1"))
        .await
        .expect("is made");
    assert_eq!(first.rows, 600);
    assert_eq!(
        release(folder, service, order(run, "1"))
            .await
            .expect("the same"),
        first
    );
    let other = CreateReleaseRequest {
        recipient: "else".into(),
        ..order(run, "1")
    };
    let refused = release(folder, service, other).await;
    assert_eq!(reason(refused), (Code::AlreadyExists, "CONFLICT".into()));
    let foreign = CreateReleaseRequest {
        project: "other-study".into(),
        ..order(run, "2")
    };
    let refused = release(folder, service, foreign).await;
    assert_eq!(
        reason(refused),
        (Code::PermissionDenied, "NOT_PERMITTED".into())
    );
    let unknown = CreateReleaseRequest {
        run_id: "run-0".into(),
        ..order(run, "3")
    };
    let refused = release(folder, service, unknown).await;
    assert_eq!(
        reason(refused),
        (Code::FailedPrecondition, "RUN_NOT_RELEASED".into())
    );
    let all = rows(folder, service, &first, 0).await;
    assert_eq!(all.len(), 600);
    assert_eq!(rows(folder, service, &first, 599).await, all[599..]);
    assert_eq!(rows(folder, service, &first, 600).await, []);
    let mut digester = Digester::default();
    let mut of: BTreeMap<(String, Vec<u8>), String> = BTreeMap::new();
    for row in &all {
        assert!(pseudonym::is_valid(&row.pseudonym));
        let reference = RecordRef(
            row.record_reference
                .as_slice()
                .try_into()
                .expect("16 bytes"),
        );
        digester.add(&row.site, &reference, &row.pseudonym);
        of.insert(
            (row.site.clone(), row.record_reference.clone()),
            row.pseudonym.clone(),
        );
    }
    assert_eq!(digester.finish().to_vec(), first.digest);
    for person in 200..300 {
        let name = |site: &str| (site.to_owned(), reference(site, person).0.to_vec());
        assert_eq!(of[&name("hospital")], of[&name("town")], "person {person}");
    }
    others_see_nothing(folder, service, &first).await;
    first.digest
}

async fn others_see_nothing(folder: &Folder, service: &Service, first: &Release) {
    let release_id = first.release_id.clone();
    let request = StreamCrosswalkRequest {
        release_id,
        cursor: 0,
    };
    for other in [OTHER_RESEARCH, COLLEAGUE] {
        let refused = linkage(folder, service, other)
            .stream_crosswalk(request.clone())
            .await;
        assert_eq!(
            reason(refused.map(drop)),
            (Code::NotFound, "NOT_FOUND".into()),
            "{other}"
        );
    }
    let behind = StreamCrosswalkRequest {
        cursor: 601,
        ..request
    };
    let refused = linkage(folder, service, RESEARCH)
        .stream_crosswalk(behind)
        .await;
    assert_eq!(
        reason(refused.map(drop)),
        (Code::InvalidArgument, "MALFORMED".into())
    );
}

#[tokio::test]
async fn ids_stay_when_more_arrives_and_projects_cannot_be_joined() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let persons: Vec<u64> = (0..250).collect();
    admit(&folder, &service, TOWN, "town", &persons).await;
    let first = run(&folder, &service, "1").await;
    let before = release(&folder, &service, order(&first, "1"))
        .await
        .expect("is made");
    let before = rows(&folder, &service, &before, 0).await;
    let more: Vec<u64> = (200..300).collect();
    admit(&folder, &service, HOSPITAL, "hospital", &more).await;
    let second = run(&folder, &service, "2").await;
    let counts = second.counts.expect("counts");
    assert_eq!((counts.persons_found, counts.cumulative), (300, 300));
    assert_eq!(counts.sum_of_site_uniques, 350);
    let old = release(&folder, &service, order(&first, "2"))
        .await
        .expect("is made");
    assert_eq!(
        rows(&folder, &service, &old, 0).await,
        before,
        "a run keeps its crosswalk"
    );
    let after = release(&folder, &service, order(&second, "3"))
        .await
        .expect("is made");
    let after = rows(&folder, &service, &after, 0).await;
    for row in &before {
        assert!(after.contains(row), "a pseudonym changed");
    }
    let request = CreateReleaseRequest {
        project: "other-study".into(),
        ..order(&second, "4")
    };
    let mut other = linkage(&folder, &service, OTHER_RESEARCH);
    let made = other
        .create_release(request)
        .await
        .expect("is made")
        .into_inner();
    let request = StreamCrosswalkRequest {
        release_id: made.release_id,
        cursor: 0,
    };
    let mut pages = other
        .stream_crosswalk(request)
        .await
        .expect("answers")
        .into_inner();
    while let Some(page) = pages.next().await {
        for row in page.expect("a page").rows {
            assert!(!after.iter().any(|other| other.pseudonym == row.pseudonym));
        }
    }
    let listed = linkage(&folder, &service, OPERATOR)
        .list_runs(ListRunsRequest {
            after_run_id: first.run_id.clone(),
        })
        .await;
    assert_eq!(listed.expect("answers").into_inner().runs, [second]);
}

#[tokio::test]
async fn a_run_that_a_crash_cut_off_is_failed_and_the_next_one_works() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let persons: Vec<u64> = (0..3000).collect();
    admit(&folder, &service, TOWN, "town", &persons).await;
    let cut = create(&folder, &service, "1").await.expect("starts");
    service.crash();
    let service = folder.serve();
    let request = GetRunRequest {
        run_id: cut.run_id.clone(),
    };
    let found = linkage(&folder, &service, OPERATOR).get_run(request).await;
    let found = found.expect("is there").into_inner();
    assert_eq!(found.state(), RunState::Failed);
    assert_eq!(found.failure_code, "INTERRUPTED");
    assert!(!found.failure_advice.is_empty());
    assert_eq!(
        run(&folder, &service, "2").await.state(),
        RunState::Released
    );
}

#[tokio::test]
async fn one_run_at_a_time() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let persons: Vec<u64> = (0..6000).collect();
    admit(&folder, &service, TOWN, "town", &persons).await;
    let first = create(&folder, &service, "1").await.expect("starts");
    let second = create(&folder, &service, "2").await;
    assert_eq!(reason(second), (Code::ResourceExhausted, "BUSY".into()));
    let request = GetRunRequest {
        run_id: first.run_id,
    };
    loop {
        let found = linkage(&folder, &service, OPERATOR)
            .get_run(request.clone())
            .await;
        if found.expect("is there").into_inner().state() == RunState::Released {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
