//! Intent before, result after: no key is used for a caller before the log says durably that it will be.
//!
//! One intent per batch, run, release, plan or index, never per row: it costs one commit and one sync, some
//! milliseconds beside work of seconds. Exempt are the signature of a checkpoint (it says nothing that the log
//! does not), the health check of the keys, and what opens the log itself at the start.

use crate::{audit::Entry, error::ServiceError, service::Appliance};

/// Result of an entry that announces something.
const INTENT: &str = "intent";

/// An intent that is durable in the log. Functions that use a key ask for one, and there is no other way to
/// come by one than [`Appliance::begun`] and [`Appliance::around`].
#[derive(Debug)]
pub struct Intent {
    index: u64,
}

impl Intent {
    /// The same entry, which now says whose result it is.
    #[must_use]
    pub fn result(&self, entry: Entry) -> Entry {
        entry.after(self.index)
    }
}

impl Appliance {
    /// Puts down that `entry` is about to happen, then does the work. The work commits its own result in the
    /// transaction of its state change; a failure is put down here.
    ///
    /// # Errors
    /// The work's; or the store's, if it took the intent or the failure not. Then nothing was done, or
    /// nothing of what was done is answered.
    pub fn begun<T>(
        &self,
        entry: &Entry,
        work: impl FnOnce(&Intent) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let index = self.append_audit(&entry.clone().result(INTENT))?;
        let intent = Intent { index };
        let done = work(&intent);
        if let Err(error) = &done {
            self.append_audit(&intent.result(entry.clone()).result(error.code()))?;
        }
        done
    }

    /// The same for work that changes no state: its good end is put down here too.
    ///
    /// # Errors
    /// As [`Self::begun`].
    pub fn around<T>(
        &self,
        entry: &Entry,
        work: impl FnOnce(&Intent) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.begun(entry, |intent| {
            let done = work(intent)?;
            self.append_audit(&intent.result(entry.clone()))?;
            Ok(done)
        })
    }
}
