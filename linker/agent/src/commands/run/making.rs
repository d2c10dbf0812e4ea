//! Reading and sealing: the check of the source, the thread that encodes, and the outbox that fills.

use std::{path::PathBuf, sync::Arc};

use keymgmt_custody::{package::OpenedPackage, site::SiteKeys};
use linker_token::{BatchId, Schema, SiteId};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    task::spawn_blocking,
};

use super::{Desk, delivery::tell};
use crate::{
    commands::summary::counts,
    error::{AgentError, Fault},
    limits::BATCHES_AHEAD,
    pipeline::{Encoding, Made, Ready},
    problems::Problems,
    say,
    say::Noun,
    source::{Source, Tally},
    submit::{Sealer, Sender},
    table::{LinkageTable, Seal},
    uplink::passes,
};

/// What the reading thread owns.
pub(super) struct Work {
    pub(super) source: Arc<Source>,
    pub(super) path: PathBuf,
    pub(super) schema: Schema,
    pub(super) package: Arc<OpenedPackage>,
    pub(super) keys: Arc<SiteKeys>,
    pub(super) site: SiteId,
    pub(super) batch_rows: usize,
}

/// To whom sealed batches go; none when nothing is to be sent.
type Outgoing<'a, 'b> = Option<(&'a Sender<'b>, UnboundedSender<BatchId>)>;

/// Reads the whole source and seals every batch that the appliance does not have.
///
/// # Errors
/// A fault of the source, of the disk, or of the appliance's answer about a batch.
pub(super) async fn make(
    work: Work,
    desk: &Desk<'_>,
    sealer: &Sealer,
    outgoing: Outgoing<'_, '_>,
) -> Result<(Tally, Made), AgentError> {
    if let Some((sender, _)) = &outgoing {
        // Left-over batches go first while the line is up: one that is refused is then sealed anew.
        while !desk.left_over_sent.get() && sender.uplink.is_up() {
            sender.uplink.news().await;
        }
    }
    let table = open_table(&work, desk)?;
    let tally = check(&work, desk).await?;
    let made = Box::pin(encode(work, table, &tally, desk, sealer, outgoing)).await?;
    Ok((tally, made))
}

fn open_table(work: &Work, desk: &Desk<'_>) -> Result<LinkageTable, AgentError> {
    let seal = Seal::new(work.keys.clone(), work.site.clone());
    let mut table = LinkageTable::open(&desk.state.table(), seal)?;
    let taken = table.take_over(&desk.state.clear_table())?;
    if taken > 0 {
        desk.progress.say(&say!(
            "lookup.csv is now the sealed linkage table: {entries}",
            entries = Noun::Entries.count(taken)
        ));
    }
    Ok(table)
}

/// The first walk: nothing is sent of a source that must be refused.
async fn check(work: &Work, desk: &Desk<'_>) -> Result<Tally, AgentError> {
    let (source, path) = (work.source.clone(), work.path.clone());
    let task = desk.progress.task(&say!("checking"), None);
    let walk = move || {
        let mut problems = Problems::new();
        let tally = source.check(&path, &mut problems, &|| task.add(1));
        (tally, problems)
    };
    let (tally, problems) = spawn_blocking(walk).await.map_err(panicked)?;
    problems.save(&desk.state.problems())?;
    let tally = tally?;
    desk.progress.say(&say!(
        "checked {files}: {rows}, {records}, {refused} left out",
        files = Noun::Files.count(tally.passed.files),
        rows = Noun::Rows.count(tally.rows),
        records = Noun::Records.count(tally.records),
        refused = Noun::BareRows.count(tally.refused_total())
    ));
    for line in counts(&tally.refused, &tally.quality) {
        desk.progress.say(&line);
    }
    Ok(tally)
}

/// The second walk, in its own thread, and beside it the batches on their way to the outbox.
async fn encode(
    work: Work,
    mut table: LinkageTable,
    expected: &Tally,
    desk: &Desk<'_>,
    sealer: &Sealer,
    outgoing: Outgoing<'_, '_>,
) -> Result<Made, AgentError> {
    let (sender, mut receiver) = mpsc::channel::<Ready>(BATCHES_AHEAD);
    let task = desk.progress.task(&say!("sealing"), Some(expected.records));
    let checked = expected.clone();
    let reader = spawn_blocking(move || {
        let encoding = Encoding {
            schema: &work.schema,
            package: &work.package,
            keys: &work.keys,
            batch_rows: work.batch_rows,
        };
        let made = encoding.run(
            &work.source,
            &work.path,
            &checked,
            &mut table,
            &mut |ready| {
                // The other end goes only when it failed, and then its error is the one to report.
                sender
                    .blocking_send(ready)
                    .map_err(|_closed| AgentError::new(Fault::Internal, "the upload stopped"))
            },
        )?;
        drop(sender);
        table.settle()?;
        Ok(made)
    });
    let mut failed = None;
    while let Some(ready) = receiver.recv().await {
        let rows = ready.manifest.rows;
        if let Err(error) = Box::pin(put(ready, desk, sealer, &outgoing)).await {
            failed = Some(error);
            break;
        }
        task.add(rows.into());
    }
    drop(receiver);
    let read = reader.await.map_err(panicked)?;
    match failed {
        Some(error) => Err(error),
        None => read,
    }
}

/// Seals one batch, unless it is known or sealed already.
async fn put(
    ready: Ready,
    desk: &Desk<'_>,
    sealer: &Sealer,
    outgoing: &Outgoing<'_, '_>,
) -> Result<(), AgentError> {
    let batch = ready.manifest.batch_id();
    if desk.outbox.holds(batch) {
        desk.relied_on.borrow_mut().insert(batch);
        return Ok(());
    }
    let up = |sender: &Sender<'_>| sender.uplink.is_up() && !desk.gave_up.get();
    match outgoing {
        Some((sender, _)) if up(sender) => match sender.known(&ready.manifest).await {
            Ok(Some(accepted)) => {
                desk.summary.borrow_mut().add(&accepted);
                let name = say!("batch {number}", number = ready.manifest.sequence);
                tell(&desk.progress, name, &accepted);
                return Ok(());
            }
            Ok(None) => (),
            Err(error) if passes(&error) => (),
            Err(error) => return Err(error),
        },
        // A receipt was verified before it was kept, so the appliance had the batch then.
        Some(_) | None => {
            if desk.state.receipt(batch).exists() {
                desk.summary.borrow_mut().batches_known += 1;
                return Ok(());
            }
        }
    }
    let mut ready = ready;
    loop {
        let sealer = sealer.clone();
        let seal = move || {
            let sealed = sealer.seal(&ready);
            (ready, sealed)
        };
        let sealed;
        (ready, sealed) = spawn_blocking(seal).await.map_err(panicked)?;
        match sealed {
            Ok(()) => break,
            Err(error) => match outgoing {
                Some((sender, _)) if may_get_room(&error, desk) => sender.uplink.news().await,
                Some(_) | None => return Err(error),
            },
        }
    }
    desk.summary.borrow_mut().batches_sealed += 1;
    if let Some((_, queue)) = outgoing {
        // The sender ends early only when it gave up, and then the batch waits for the next run.
        let _given_up = queue.send(batch);
    }
    Ok(())
}

/// Whether a batch will fit when others have been sent.
fn may_get_room(error: &AgentError, desk: &Desk<'_>) -> bool {
    let no_room = matches!(error.fault(), Fault::SpoolFull | Fault::DiskFull);
    no_room && desk.outbox.used() > 0 && !desk.gave_up.get()
}

fn panicked(error: tokio::task::JoinError) -> AgentError {
    // The panic's own text is not shown: it could quote what was being read.
    drop(error);
    AgentError::new(Fault::Internal, "a thread ended early")
}
