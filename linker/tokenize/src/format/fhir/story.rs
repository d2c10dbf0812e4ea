//! Which of the things that a file tells about a patient is its last word.

use std::collections::BTreeSet;

use super::{
    coverage::{Key, key},
    model::Patient,
    walk::{Kind, Resource},
};
use crate::{error::ReadError, limits::FHIR_HISTORY_MAX};

/// Whether a system still uses the record. `active` says nothing of the kind: systems set it to false for
/// patients who have not been seen for years, or have died, and they are the same people as before.
pub(super) fn is_replaced(patient: &Patient) -> bool {
    let mut links = patient.link.iter();
    links.any(|link| link.kind.as_deref() == Some("replaced-by"))
}

/// Whether a label says that the resource is test data (`HTEST` of the code system `ActReason`).
pub(super) fn is_test(patient: &Patient) -> bool {
    let mut labels = patient.meta.security.iter().chain(patient.meta.tag.iter());
    labels.any(|label| label.code.as_deref() == Some("HTEST"))
}

/// Patients of Bundles of type `history` whose newest version was seen. Versions come newest first.
#[derive(Default)]
pub(super) struct Told(BTreeSet<Key>);

impl Told {
    /// Whether a resource is the first that tells of its patient. One without a number stands for itself.
    pub(super) fn is_first(&mut self, resource: &Resource<'_>, patient: Option<&Patient>) -> bool {
        if !resource.history {
            return true;
        }
        let key = if resource.kind == Kind::DeletedPatient {
            resource.url.as_deref().map(|url| key(version_less(url)))
        } else {
            let id = patient.and_then(|patient| patient.id.as_deref());
            id.map(|id| key(&format!("Patient/{id}")))
        };
        key.is_none_or(|key| self.0.insert(key))
    }
}

/// Counts versions before anything is delivered, so that a file with too many is refused whole.
#[derive(Default)]
pub(super) struct Versions(usize);

impl Versions {
    pub(super) fn see(&mut self, resource: &Resource<'_>) -> Result<(), ReadError> {
        let patient = matches!(resource.kind, Kind::Patient | Kind::DeletedPatient);
        self.0 += usize::from(resource.history && patient);
        if self.0 > FHIR_HISTORY_MAX {
            let (what, limit) = ("the number of versions in a history", FHIR_HISTORY_MAX);
            return Err(ReadError::TooLarge { what, limit });
        }
        Ok(())
    }
}

fn version_less(reference: &str) -> &str {
    reference.split("/_history/").next().unwrap_or(reference)
}
