//! `run`: policy, left-over batches, check of the source, then batch after batch. One thread reads and
//! encodes while this one seals, uploads and verifies.

use std::{path::PathBuf, sync::Arc, time::Duration};

use keymgmt_custody::{package::OpenedPackage, site::SiteKeys};
use linker_token::Schema;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{inspect, summary::Summary, warn_of_sha1};
use crate::{
    config::Config,
    error::{AgentError, Fault},
    keys,
    limits::BATCHES_AHEAD,
    lookup::{Lookup, Problems},
    messages::count,
    outbox::{Entry, KeyDigests, Outbox},
    pipeline::{Encoding, Made, Ready},
    progress::Progress,
    receipt::Witness,
    source::{self, Source, Tally},
    state::State,
    submit::{Accepted, Submitter, check_policy, refused_for_good},
    uplink::{Uplink, tls},
};

/// What the reading thread owns.
struct Work {
    source: Arc<Source>,
    path: PathBuf,
    schema: Schema,
    package: Arc<OpenedPackage>,
    keys: Arc<SiteKeys>,
    batch_rows: usize,
}

/// Reads the source, seals, uploads, verifies.
pub(super) async fn run(
    config: &Config,
    progress: &Progress,
    now: Duration,
) -> Result<Summary, AgentError> {
    let began = tokio::time::Instant::now();
    let state = State::open(&config.state)?;
    let keys = Arc::new(keys::load(&state)?);
    let package = Arc::new(keys::accepted(config, &state, &keys, now.as_secs())?);
    let schema = keys::schema(&package)?;
    let source = Arc::new(source::of(config)?);
    let tls = tls::load(&config.appliance, &config.site, now)?;
    let uplink = Uplink::new(&config.appliance, tls, progress.clone());
    let policy = uplink.policy().await?;
    check_policy(&policy, &package)?;
    warn_of_sha1(progress, &package);

    let outbox = Outbox::open(state.outbox())?;
    let audit_spki = package.content().audit_spki.clone();
    let mut submitter = Submitter {
        uplink: &uplink,
        outbox: &outbox,
        witness: Witness::load(&state, audit_spki, config.appliance.origin.clone())?,
        keys: &keys,
        package: &package,
        progress: progress.clone(),
    };
    let mut summary = Summary::new(package.content());
    send_left_over(&mut submitter, &state, &mut summary).await?;
    let tally = check(config, &state, &source, progress).await?;
    let work = Work {
        source,
        path: config.source.path.clone(),
        schema,
        package: package.clone(),
        keys: keys.clone(),
        batch_rows: config.batch_rows.min(policy.batch_rows_max as usize),
    };
    let lookup = Lookup::open(&state.lookup())?;
    let made = Box::pin(encode(work, lookup, &tally, &mut submitter, &mut summary)).await?;
    summary.read(&tally, &made);
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(summary)
}

/// Sends what an earlier run sealed. A batch that can never be accepted stops nothing, since its rows
/// are encoded again from the source: one of other keys is forgotten, one that the appliance refuses
/// for good is set aside.
async fn send_left_over(
    submitter: &mut Submitter<'_>,
    state: &State,
    summary: &mut Summary,
) -> Result<(), AgentError> {
    for name in Outbox::waiting(&state.outbox())? {
        // The chunks are read again when they are sent; two copies would be in memory.
        let Entry { manifest, keys, .. } = submitter.outbox.get(&name)?;
        let batch = manifest.batch_id();
        let content = submitter.package.content();
        let current = (&manifest.site, &manifest.project, manifest.epoch)
            == (&content.site, &content.project, content.epoch)
            && manifest.schema == content.schema
            && manifest.secret_check == content.check;
        let sealed_today = keys == KeyDigests::of(submitter.package, submitter.keys);
        if !current || !sealed_today {
            submitter.outbox.forget(batch)?;
            let whose = if current {
                "other keys"
            } else {
                "another key epoch"
            };
            let text =
                format!("a sealed batch of {whose} was thrown away; its rows are read again");
            submitter.progress.say(&text);
            continue;
        }
        let accepted = match Box::pin(submitter.resume(batch)).await {
            Ok(accepted) => accepted,
            Err(error) => {
                let Some(reason) = refused_for_good(&error) else {
                    return Err(error);
                };
                submitter
                    .outbox
                    .set_aside(batch, &state.refused(), reason)?;
                let text = format!("left-over batch set aside in the folder refused: {error}");
                submitter.progress.say(&text);
                continue;
            }
        };
        summary.batches_left_over += 1;
        summary.add(&accepted);
        tell(&submitter.progress, "left-over batch", &accepted);
    }
    Ok(())
}

/// The first walk: nothing is sent of a source that must be refused.
async fn check(
    config: &Config,
    state: &State,
    source: &Arc<Source>,
    progress: &Progress,
) -> Result<Tally, AgentError> {
    let (source, path) = (source.clone(), config.source.path.clone());
    let task = progress.task("checking", None);
    let walk = move || {
        let mut problems = Problems::new();
        let tally = source.check(&path, &mut problems, &|| task.add(1));
        (tally, problems)
    };
    let (tally, problems) = spawn_blocking(walk).await.map_err(panicked)?;
    problems.save(&state.problems())?;
    let tally = tally?;
    progress.say(&format!(
        "checked {}: {}, {}, {} left out",
        count(tally.passed.files, "file", "files"),
        count(tally.rows, "row", "rows"),
        count(tally.records, "record", "records"),
        tally.refused_total()
    ));
    for line in inspect::counts(&tally.refused, &tally.quality) {
        progress.say(&line);
    }
    Ok(tally)
}

/// The second walk, in its own thread, and beside it the batches on their way.
async fn encode(
    work: Work,
    mut lookup: Lookup,
    expected: &Tally,
    submitter: &mut Submitter<'_>,
    summary: &mut Summary,
) -> Result<Made, AgentError> {
    let (sender, mut receiver) = mpsc::channel::<Ready>(BATCHES_AHEAD);
    let task = submitter.progress.task("uploading", Some(expected.records));
    let checked = expected.clone();
    let reader = spawn_blocking(move || {
        let encoding = Encoding {
            schema: &work.schema,
            package: &work.package,
            keys: &work.keys,
            batch_rows: work.batch_rows,
        };
        encoding.run(
            &work.source,
            &work.path,
            &checked,
            &mut lookup,
            &mut |ready| {
                // The other end goes only when it failed, and then its error is the one to report.
                sender
                    .blocking_send(ready)
                    .map_err(|_closed| AgentError::new(Fault::Internal, "the upload stopped"))
            },
        )
    });
    let mut failed = None;
    while let Some(ready) = receiver.recv().await {
        let (name, rows) = (
            format!("batch {}", ready.manifest.sequence),
            ready.manifest.rows,
        );
        match Box::pin(submitter.submit(ready)).await {
            Ok(accepted) => {
                summary.add(&accepted);
                task.add(rows.into());
                tell(&submitter.progress, &name, &accepted);
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    drop(receiver);
    let read = reader.await.map_err(panicked)?;
    match failed {
        Some(error) => Err(error),
        None => read,
    }
}

fn tell(progress: &Progress, name: &str, accepted: &Accepted) {
    let receipt = &accepted.receipt;
    progress.say(&format!(
        "{name}: {}, {} admitted, {} quarantined, audit entry {}",
        if accepted.sent {
            "sent"
        } else {
            "already there"
        },
        count(receipt.rows_admitted.into(), "row", "rows"),
        receipt.rows_quarantined,
        receipt.audit_index
    ));
}

fn panicked(error: tokio::task::JoinError) -> AgentError {
    // The panic's own text is not shown: it could quote what was being read.
    drop(error);
    AgentError::new(Fault::Internal, "a thread ended early")
}
