//! Which key epoch a run is under, and what of earlier runs it can still send.

use keymgmt_custody::{package::OpenedPackage, site::SiteKeys};
use linker_token::{BatchId, Epoch, Manifest};

use crate::{
    error::AgentError,
    outbox::{KeyDigests, Outbox},
    progress::Progress,
    say,
    state::State,
};

/// The place of an epoch's package; that of the newest if there is none.
pub(super) fn place(packages: &[OpenedPackage], epoch: Option<Epoch>) -> usize {
    let found = packages
        .iter()
        .position(|package| Some(package.content().epoch) == epoch);
    found.unwrap_or(0)
}

/// Says what is unusual about the epoch of this run: the first under it reads and sends everything, and an
/// older one is used only until the appliance takes the newer one.
pub(super) fn tell_of_epoch(
    progress: &Progress,
    epoch: Epoch,
    before: Option<Epoch>,
    others: &[OpenedPackage],
) {
    let newer = others.iter().map(|package| package.content().epoch).max();
    if let Some(newer) = newer.filter(|newer| *newer > epoch) {
        progress.say(&say!(
            "the appliance does not take key epoch {newer} yet; this run goes on under key epoch {epoch}",
            newer = newer.0,
            epoch = epoch.0
        ));
    }
    if let Some(before) = before.filter(|before| *before < epoch) {
        progress.say(&say!(
            "key epoch {epoch} follows key epoch {before}: every record is encoded and sent anew, so this run takes as long as the very first one",
            epoch = epoch.0,
            before = before.0
        ));
    }
}

/// The sealed batches of earlier runs that can still be accepted. A batch of other keys or of an earlier
/// epoch never can, and its rows are encoded again from the source: it is forgotten. One of a newer epoch
/// than this run's waits until the appliance takes that.
pub(super) fn left_over(
    (outbox, state): (&Outbox, &State),
    (package, others): (&OpenedPackage, &[OpenedPackage]),
    keys: &SiteKeys,
    progress: &Progress,
) -> Result<Vec<BatchId>, AgentError> {
    let mut left_over = Vec::new();
    for name in Outbox::waiting(&state.outbox())? {
        let (manifest, sealed_with) = outbox.head(&name)?;
        let batch = manifest.batch_id();
        let is_of = |package: &OpenedPackage| is_of(&manifest, package);
        let fits = |package| is_of(package) && sealed_with == KeyDigests::of(package, keys);
        if fits(package) {
            left_over.push(batch);
            continue;
        }
        if manifest.epoch > package.content().epoch && others.iter().any(fits) {
            continue;
        }
        outbox.forget(batch)?;
        let whose = if is_of(package) {
            say!("other keys")
        } else {
            say!("another key epoch")
        };
        progress.say(&say!(
            "a sealed batch of {whose} was thrown away; its rows are read again",
            whose = whose
        ));
    }
    Ok(left_over)
}

/// Whether a batch was encoded under a package.
fn is_of(manifest: &Manifest, package: &OpenedPackage) -> bool {
    let content = package.content();
    (&manifest.site, &manifest.project, manifest.epoch)
        == (&content.site, &content.project, content.epoch)
        && manifest.schema == content.schema
        && manifest.secret_check == content.check
}
