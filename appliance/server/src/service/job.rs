//! The work of one run: load, link, resolve, commit.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use appliance_store::ResolutionDraft;
use linker_match::{
    Constraints, Dataset, Linkage, ModelSettings, Progress, Scratch, Stage, Tools, link_with,
    run::{RunEvent, RunFailure, RunState, advance},
};
use tokio::sync::watch;

use crate::{
    audit::Entry,
    error::ServiceError,
    limits, metrics,
    service::{
        Appliance,
        ids::Ids,
        plan::Frozen,
        rows::run_error,
        run::{cumulative_before, newest_released},
        run_evidence::Evidence,
        run_record::{Quality, Run, State},
        scratch::RunScratch,
    },
};

/// A run under work: its record, its state and those who watch.
#[derive(Debug)]
pub(super) struct Job {
    run: Run,
    state: RunState,
    watchers: watch::Sender<Run>,
}

impl Job {
    pub(super) fn new(run: Run, watchers: watch::Sender<Run>) -> Self {
        Self {
            run,
            state: RunState::Draft,
            watchers,
        }
    }

    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    /// From the draft to the released state.
    pub(super) fn execute(
        &mut self,
        appliance: &Appliance,
        actor: &str,
    ) -> Result<(), ServiceError> {
        let frozen = Frozen::of_now(appliance)?;
        self.advance(appliance, RunEvent::Freeze)?;
        let started = Instant::now();
        let dataset = frozen.load(appliance)?;
        self.time("load", started);
        self.advance(appliance, RunEvent::Start)?;
        let linkage = self.link(appliance, &dataset)?;
        self.note(&linkage);
        let last = newest_released(appliance)?;
        self.compare(appliance, &frozen, &linkage, last.as_ref());
        self.advance(appliance, RunEvent::Compared)?;
        self.advance(appliance, RunEvent::Clustered)?;
        let started = Instant::now();
        let ids = Ids::resolve(appliance, &frozen.sites, &dataset, &linkage)?;
        let before = cumulative_before(appliance, last.as_ref())?;
        self.run.counts = Some(ids.counts(&dataset, &linkage, before));
        self.time("ids", started);
        self.commit(appliance, actor, ids, frozen.batch_count())
    }

    /// The failed state, with the error's code.
    pub(super) fn fail(
        &mut self,
        appliance: &Appliance,
        error: &ServiceError,
    ) -> Result<(), ServiceError> {
        error.code().clone_into(&mut self.run.failure_code);
        let next = advance(self.state, RunEvent::Fail(RunFailure::Machine));
        self.state = next.map_err(|_opaque| ServiceError::Internal)?;
        self.show(State::Failed);
        let entry = appliance
            .entry(crate::audit::SELF, "end-run", &self.run.run_id)
            .result(error.code());
        self.keep(appliance, &entry)
    }

    /// Takes the machine one step on and keeps the step.
    fn advance(&mut self, appliance: &Appliance, event: RunEvent) -> Result<(), ServiceError> {
        self.state = advance(self.state, event).map_err(|_opaque| ServiceError::Internal)?;
        self.show(shown(self.state));
        let entry = appliance.entry(crate::audit::SELF, "advance-run", &self.run.run_id);
        let entry = entry.result(self.run.state.name());
        self.keep(appliance, &entry)
    }

    /// Keeps the run under its next version, which counts only once it is kept.
    fn keep(&mut self, appliance: &Appliance, entry: &Entry) -> Result<(), ServiceError> {
        let version = self.run.version + 1;
        let row = Run {
            version,
            ..self.run.clone()
        }
        .to_row();
        appliance
            .store()
            .put_run(&row, Some(&|seq| entry.render(seq)))?;
        self.run.version = version;
        Ok(())
    }

    fn show(&mut self, state: State) {
        self.run.state = state;
        (self.run.done, self.run.total) = (0, 0);
        let _nobody = self.watchers.send_replace(self.run.clone());
    }

    fn time(&mut self, stage: &'static str, started: Instant) {
        let took = started.elapsed();
        metrics::stage(stage, took);
        self.run
            .stage_seconds
            .insert(stage.to_owned(), took.as_secs_f64());
    }

    /// Links, publishing progress as it comes.
    fn link(&mut self, appliance: &Appliance, dataset: &Dataset) -> Result<Linkage, ServiceError> {
        let shown = Mutex::new(Shown::new(self.run.clone()));
        let publish = |progress: Progress| {
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.take(progress) {
                let _nobody = self.watchers.send_replace(shown.run.clone());
            }
        };
        let mut scratch = RunScratch::open_for(dataset, &appliance.scratch)?;
        let tools = Tools {
            progress: &publish,
            cancel: &appliance.cancel,
            constraints: &Constraints::default(),
            scratch: scratch.as_mut().map(|scratch| scratch as &mut dyn Scratch),
        };
        let linkage = link_with(dataset, &appliance.settings, tools);
        let mut shown = shown.into_inner().unwrap_or_else(PoisonError::into_inner);
        shown.end_stage();
        self.run.stage_seconds = shown.run.stage_seconds;
        linkage.map_err(run_error)
    }

    fn note(&mut self, linkage: &Linkage) {
        let estimates = &linkage.estimates;
        self.run.pairs_compared = linkage.pairs_compared;
        linkage.kernel.clone_into(&mut self.run.kernel);
        self.run.quality = Some(Quality {
            precision: estimates.precision,
            recall: estimates.recall,
            f1: estimates.f1,
            blocking_recall: estimates.blocking_recall,
            blocking_recall_low: estimates.low,
            blocking_recall_high: estimates.high,
        });
    }

    /// Keeps what the run was like, and says what changed since the released run before.
    fn compare(
        &mut self,
        appliance: &Appliance,
        frozen: &Frozen,
        linkage: &Linkage,
        last: Option<&Run>,
    ) {
        let settings = ModelSettings::from(&appliance.settings);
        let schema = &appliance.scope().schema;
        let last = last.and_then(|run| run.evidence.as_deref());
        let evidence = Evidence::new(linkage, (schema, &settings), &frozen.sites, last);
        for finding in &evidence.drift {
            metrics::drift(finding.kind.code());
            tracing::warn!(
                run = %self.run.run_id,
                kind = finding.kind.code(),
                site = finding.site,
                segment = finding.segment,
                "{finding}"
            );
        }
        self.run.evidence = Some(Arc::new(evidence));
    }

    /// Keeps IDs, events and the released state in one transaction.
    fn commit(
        &mut self,
        appliance: &Appliance,
        actor: &str,
        ids: Ids,
        batches: usize,
    ) -> Result<(), ServiceError> {
        self.state =
            advance(self.state, RunEvent::Resolved).map_err(|_opaque| ServiceError::Internal)?;
        let mut released = self.run.clone();
        released.state = shown(self.state);
        released.version += 1;
        let counts = released.counts.unwrap_or_default();
        let evidence = released.evidence.as_deref();
        let model = evidence.map(Evidence::model_digest).unwrap_or_default();
        let drift = evidence.map_or(0, |evidence| evidence.drift.len());
        let entry = appliance
            .entry(actor, "run", &released.run_id)
            .count("batches", batches as u64)
            .count("records", counts.records)
            .count("persons-found", counts.persons_found)
            .count("sum-of-site-uniques", counts.sum_of_site_uniques)
            .count("cumulative", counts.cumulative)
            .count("id-events", ids.events.len() as u64)
            .count("drift", drift as u64)
            .detail("model", &model);
        let draft = ResolutionDraft {
            run: released.to_row(),
            sites: &ids.sites,
            lines: ids.lines,
            events: &ids.events,
        };
        appliance
            .store()
            .commit_resolution(draft, &|seq| entry.render(seq))?;
        self.run = released;
        self.show(State::Released);
        tracing::info!(
            run = %self.run.run_id,
            records = counts.records,
            persons_found = counts.persons_found,
            model,
            drift,
            "a run was released"
        );
        Ok(())
    }
}

fn shown(state: RunState) -> State {
    match state {
        RunState::Draft => State::Draft,
        RunState::Frozen => State::Frozen,
        RunState::Comparing => State::Comparing,
        RunState::Clustering => State::Clustering,
        RunState::Resolving => State::Resolving,
        RunState::Released => State::Released,
        RunState::Failed(_) => State::Failed,
        RunState::Withdrawn => State::Withdrawn,
    }
}

/// What watchers see while pairs are compared.
struct Shown {
    run: Run,
    stage: Option<(Stage, Instant)>,
    published: Option<Instant>,
}

impl Shown {
    fn new(run: Run) -> Self {
        Self {
            run,
            stage: None,
            published: None,
        }
    }

    /// Takes over progress; whether it is worth publishing.
    fn take(&mut self, progress: Progress) -> bool {
        let now = Instant::now();
        let changed = self.stage.is_none_or(|(stage, _)| stage != progress.stage);
        if changed {
            self.end_stage();
            self.stage = Some((progress.stage, now));
            let clustering = progress.stage == Stage::Cluster;
            self.run.state = if clustering {
                State::Clustering
            } else {
                State::Comparing
            };
        }
        (self.run.done, self.run.total) = (progress.done, progress.total);
        let due = self.published.is_none_or(|last| {
            now.duration_since(last).as_millis() >= u128::from(1000 / limits::PROGRESS_PER_SECOND)
        });
        if changed || due {
            self.published = Some(now);
        }
        changed || due
    }

    fn end_stage(&mut self) {
        if let Some((stage, started)) = self.stage.take() {
            let took = started.elapsed();
            metrics::stage(stage_name(stage), took);
            let seconds = self
                .run
                .stage_seconds
                .entry(stage_name(stage).to_owned())
                .or_default();
            *seconds += took.as_secs_f64();
        }
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Block => "block",
        Stage::Compare => "compare",
        Stage::Em => "em",
        Stage::Cluster => "cluster",
    }
}
