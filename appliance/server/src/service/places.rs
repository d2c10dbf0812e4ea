//! Places for upload streams: so many in all, so many of one site.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use linker_token::SiteId;

use crate::{error::ServiceError, limits};

/// How many places each site holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<BTreeMap<SiteId, usize>>>);

/// One stream's place; dropping it frees it.
#[derive(Debug)]
pub struct Place {
    places: Places,
    site: SiteId,
}

impl Places {
    /// Takes a place for a stream of `site`.
    pub(super) fn take(&self, site: &SiteId) -> Result<Place, ServiceError> {
        let mut held = self.held();
        let of_site = held.get(site).copied().unwrap_or(0);
        let busy = |what| Err(ServiceError::Busy { what });
        if of_site >= limits::UPLOADS_PER_SITE {
            return busy("as many uploads of this site as may be");
        }
        if held.values().sum::<usize>() >= limits::UPLOADS_MAX {
            return busy("as many uploads as may be");
        }
        held.insert(site.clone(), of_site + 1);
        Ok(Place {
            places: self.clone(),
            site: site.clone(),
        })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<SiteId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        let left = held.get(&self.site).map_or(0, |held| held - 1);
        if left == 0 {
            held.remove(&self.site);
        } else {
            held.insert(self.site.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_site_takes_the_places_of_the_others() {
        let places = Places::default();
        let site = |number: usize| SiteId::parse(&format!("site-{number}")).expect("a name");
        let mut held: Vec<Place> = (0..limits::UPLOADS_PER_SITE)
            .map(|_| places.take(&site(0)).expect("is free"))
            .collect();
        assert!(places.take(&site(0)).is_err(), "one past");
        for number in limits::UPLOADS_PER_SITE..limits::UPLOADS_MAX {
            let of = site(number / limits::UPLOADS_PER_SITE);
            held.push(places.take(&of).expect("is free"));
        }
        assert!(places.take(&site(99)).is_err(), "one past");
        held.remove(0);
        drop(places.take(&site(99)).expect("is free again"));
        drop(held);
        assert!(places.held().is_empty());
    }
}
