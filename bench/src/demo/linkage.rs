//! The operator, who starts a run and watches it, and the processing service, which orders a release.

use std::{collections::BTreeMap, io::IsTerminal as _, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use linkage_proto::v1::{
    CreateReleaseRequest, CreateRunRequest, GetRunRequest, PlanRunRequest, Release, Run, RunPlan,
    RunState, linkage_client::LinkageClient,
};

use super::{configs, folder::Folder, pki};
use crate::{
    client::{Client, refused_call},
    error::BenchError,
    ui::{Story, grouped},
};

/// Somebody of the demo who calls the appliance.
pub(super) fn client(folder: &Folder, name: &str, address: &str) -> Client {
    let at = |file: &str| folder.pki().join(file);
    Client {
        address: address.to_owned(),
        server_name: pki::SERVER_NAME.to_owned(),
        ca: at("ca.pem"),
        certificate: at(&format!("{name}.pem")),
        key: at(&format!("{name}.key")),
    }
}

/// Plans, starts and watches a run to its end.
pub(super) async fn run(folder: &Folder, address: &str, story: &Story) -> Result<Run, BenchError> {
    let channel = client(folder, "operator", address).connect().await?;
    let mut operator = LinkageClient::new(channel);
    let plan = operator
        .plan_run(PlanRunRequest {})
        .await
        .map_err(refused_call("PlanRun"))?
        .into_inner();
    say_plan(&plan, story);
    let request = CreateRunRequest {
        request_id: "demo-run-1".to_owned(),
    };
    let run = operator
        .create_run(request)
        .await
        .map_err(refused_call("CreateRun"))?
        .into_inner();
    let watch = GetRunRequest {
        run_id: run.run_id.clone(),
    };
    let refused = || refused_call("WatchRun");
    let mut states = operator
        .watch_run(watch)
        .await
        .map_err(refused())?
        .into_inner();
    let bar = bar();
    let (mut last, mut shown) = (run, RunState::Unspecified);
    while let Some(run) = states.message().await.map_err(refused())? {
        bar.set_length(run.total);
        bar.set_position(run.done);
        bar.set_message(name(run.state()));
        if run.state() != shown {
            shown = run.state();
            bar.suspend(|| story.say(&format!("run: {}", name(shown))));
        }
        last = run;
    }
    bar.finish_and_clear();
    if last.state() == RunState::Released {
        Ok(last)
    } else {
        let state = name(last.state());
        let what = format!("the run ends released; it is {state} {}", last.failure_code);
        Err(BenchError::Check { what })
    }
}

fn say_plan(plan: &RunPlan, story: &Story) {
    let passes: BTreeMap<&str, u64> = plan
        .passes
        .iter()
        .map(|pass| (pass.name.as_str(), pass.pairs))
        .collect();
    let passes: Vec<String> = passes
        .iter()
        .map(|(name, pairs)| format!("{name} {}", grouped(*pairs)))
        .collect();
    story.say(&format!(
        "run: {} rows of {} records; pairs by pass: {}",
        grouped(plan.rows),
        grouped(plan.records),
        passes.join(", ")
    ));
}

/// A bar on a terminal, nothing in a pipe: there the lines of each state are enough.
fn bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("          run: {msg} {wide_bar} {percent} %") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn name(state: RunState) -> &'static str {
    match state {
        RunState::Unspecified => "unknown",
        RunState::Draft => "draft",
        RunState::Frozen => "frozen",
        RunState::Comparing => "comparing",
        RunState::Clustering => "clustering",
        RunState::Resolving => "resolving",
        RunState::Released => "released",
        RunState::Failed => "failed",
        RunState::Withdrawn => "withdrawn",
    }
}

/// Orders a release of the run for the demo's study.
pub(super) async fn release(
    folder: &Folder,
    address: &str,
    run: &str,
) -> Result<Release, BenchError> {
    let channel = client(folder, "research", address).connect().await?;
    let request = CreateReleaseRequest {
        request_id: "demo-release-1".to_owned(),
        run_id: run.to_owned(),
        project: configs::STUDY.to_owned(),
        approval_number: "DEMO-2026-001".to_owned(),
        recipient: "Demo study group".to_owned(),
    };
    let release = LinkageClient::new(channel).create_release(request).await;
    Ok(release.map_err(refused_call("CreateRelease"))?.into_inner())
}
