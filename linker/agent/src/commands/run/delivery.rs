//! Sending: first what earlier runs left, then each batch as it is sealed.

use linker_token::BatchId;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Desk, line::accept_policy};
use crate::{
    error::AgentError,
    progress::Progress,
    say,
    say::{Noun, Say},
    submit::{Accepted, Sender, refused_for_good},
};

/// Sends until the queue is closed and empty.
///
/// # Errors
/// A refusal, or an outage that outlasted the configured patience.
pub(super) async fn deliver(
    desk: &Desk<'_>,
    sender: &Sender<'_>,
    left_over: Vec<BatchId>,
    mut queue: UnboundedReceiver<BatchId>,
    ask_policy: bool,
) -> Result<(), AgentError> {
    if ask_policy {
        let policy = sender.uplink.policy(desk.package.content().epoch).await?;
        accept_policy(&policy, desk.package, desk.state)?;
    }
    for batch in left_over {
        Box::pin(send_left_over(desk, sender, batch)).await?;
    }
    desk.left_over_sent.set(true);
    sender.uplink.tell();
    let task = desk.progress.task(&say!("sending"), None);
    while let Some(batch) = queue.recv().await {
        let accepted = Box::pin(sender.send(batch, true)).await?;
        task.add(accepted.receipt.rows.into());
        desk.summary.borrow_mut().add(&accepted);
        let name = say!("batch {number}", number = accepted.receipt.sequence);
        tell(&desk.progress, name, &accepted);
        // There is room in the outbox again.
        sender.uplink.tell();
    }
    Ok(())
}

/// A batch that can never be accepted stops nothing, since its rows are encoded again from the source:
/// it is set aside.
async fn send_left_over(
    desk: &Desk<'_>,
    sender: &Sender<'_>,
    batch: BatchId,
) -> Result<(), AgentError> {
    match Box::pin(sender.send(batch, false)).await {
        Ok(accepted) => {
            let mut summary = desk.summary.borrow_mut();
            summary.batches_left_over += 1;
            summary.add(&accepted);
            tell(&desk.progress, say!("left-over batch"), &accepted);
        }
        Err(error) => {
            let Some(reason) = refused_for_good(&error) else {
                return Err(error);
            };
            desk.outbox
                .set_aside(batch, &desk.state.refused(), reason)?;
            if desk.relied_on.borrow().contains(&batch) {
                // This run did not seal its rows again, because they were there.
                return Err(error);
            }
            desk.progress.say(&say!(
                "left-over batch set aside in the folder refused: {error}",
                error = error.said()
            ));
        }
    }
    sender.uplink.tell();
    Ok(())
}

/// One line about an accepted batch.
pub(super) fn tell(progress: &Progress, name: Say, accepted: &Accepted) {
    let receipt = &accepted.receipt;
    let how = if accepted.sent {
        say!("sent")
    } else {
        say!("already there")
    };
    progress.say(&say!(
        "{name}: {how}, {admitted} admitted, {quarantined} quarantined, audit entry {index}",
        name = name,
        how = how,
        admitted = Noun::Rows.count(receipt.rows_admitted),
        quarantined = Noun::BareRows.count(receipt.rows_quarantined),
        index = receipt.audit_index
    ));
}
