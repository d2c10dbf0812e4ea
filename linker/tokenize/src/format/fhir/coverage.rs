//! Insurances of many patients, kept by what refers to the patient until the patient is read.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    blocks::Walks,
    insurance::{Insurance, contained_insurer, insurance_of, insurer_of},
    model::{Coverage, Identifier, Organization, Patient},
    walk::{Kind, Resource, each},
};
use crate::{
    error::{ReadError, RowError},
    format::blocks::{File, Stopped},
    limits::COVERAGES_MAX,
};

/// Between the parts of an insurance; no part holds it.
const UNIT: char = '\u{1f}';

/// A hash of what refers to a resource: references may hold identifiers.
pub(super) type Key = [u8; 16];

/// Insurances that wait for their patients, and the insurers that these name. Never printed.
#[derive(Default)]
pub struct Coverages {
    insured: BTreeMap<Key, Joined>,
    insurers: BTreeMap<Key, String>,
    limit: usize,
}

impl fmt::Debug for Coverages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Coverages(..)")
    }
}

/// Of several coverages of one patient the greatest counts: active, started last.
#[derive(Clone)]
struct Joined {
    active: bool,
    start: String,
    parts: Zeroizing<String>,
    payor: Option<Key>,
}

impl Joined {
    /// The parts decide last, so that the order of files and resources decides nothing.
    fn rank(&self) -> (bool, &str, &str, Option<Key>) {
        (self.active, &self.start, &self.parts, self.payor)
    }
}

impl Coverages {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limit: COVERAGES_MAX,
            ..Self::default()
        }
    }

    /// Takes the insurances of one file. Resources that cannot be read are left out.
    ///
    /// # Errors
    /// [`ReadError`] if the file is cut or not FHIR, or holds more than
    /// [`COVERAGES_MAX`](crate::limits::COVERAGES_MAX) together with those before it.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        each(bytes, &mut |_, resource| self.take(resource))
    }

    /// Takes the insurances of one file of any length, as [`add`](Self::add) does.
    ///
    /// # Errors
    /// [`Stopped::File`] as in [`add`](Self::add); [`Stopped::Caller`] with what the caller's source said.
    pub fn add_file<E>(&mut self, file: &mut File<'_, E>) -> Result<(), Stopped<E>> {
        Walks::of(file)?.each(&mut |_, resource| Ok(self.take(resource)?))
    }

    fn take(&mut self, resource: Result<Resource<'_>, RowError>) -> Result<(), ReadError> {
        if let Ok(resource) = resource {
            match resource.kind {
                Kind::Coverage => self.coverage(&resource),
                Kind::Organization => self.organization(&resource),
                Kind::Patient | Kind::DeletedPatient | Kind::Other => {}
            }
        }
        if self.insured.len() + self.insurers.len() > self.limit {
            let (what, limit) = ("the number of insurances", self.limit);
            return Err(ReadError::TooLarge { what, limit });
        }
        Ok(())
    }

    /// The insurance of a patient, by the address of its entry, its number, or an identifier.
    pub(super) fn of(&self, patient: &Patient, url: Option<&str>) -> Option<Insurance> {
        let mut keys = Vec::new();
        if let Some(url) = url {
            keys.push(key(url));
        }
        if let Some(id) = &patient.id {
            keys.push(key(&format!("Patient/{}", &**id)));
            if url.is_none() {
                keys.push(key(&format!("*/Patient/{}", &**id)));
            }
        }
        keys.extend(patient.identifier.iter().filter_map(key_of_identifier));
        let best = keys.iter().filter_map(|key| self.insured.get(key));
        let best = best.max_by_key(|joined| joined.rank())?;
        let mut parts = best.parts.split(UNIT);
        let mut part = || Zeroizing::new(parts.next().unwrap_or("").to_owned());
        let mut insurance = Insurance {
            insurer: part(),
            symbol: part(),
            number: part(),
            branch: part(),
        };
        if insurance.insurer.is_empty()
            && let Some(insurer) = best.payor.and_then(|payor| self.insurers.get(&payor))
        {
            insurance.insurer = Zeroizing::new(insurer.clone());
        }
        Some(insurance)
    }

    fn coverage(&mut self, resource: &Resource<'_>) {
        let Ok(coverage) = resource.parse::<Coverage<'_>>() else {
            return;
        };
        let Some(mut insurance) = insurance_of(&coverage) else {
            return;
        };
        let mut payor = None;
        for reference in coverage.payor.iter() {
            let named = insurer_of(std::slice::from_ref(&reference.identifier).iter());
            let to = reference.reference.as_deref();
            let contained = to.and_then(|to| contained_insurer(&coverage, to.strip_prefix('#')?));
            if let Some(insurer) = named.or(contained)
                && insurance.insurer.is_empty()
            {
                insurance.insurer = insurer;
            }
            payor = payor.or_else(|| to.map(|to| key(plain(to))));
        }
        let Insurance {
            insurer,
            symbol,
            number,
            branch,
        } = &insurance;
        let parts = [insurer, symbol, number, branch].map(|part| part.replace(UNIT, " "));
        let parts = Zeroizing::new(Zeroizing::new(parts).join("\u{1f}"));
        let start = coverage.period.start.as_deref().unwrap_or("");
        let joined = Joined {
            active: coverage.status.as_deref().is_none_or(|at| at == "active"),
            start: start.chars().take(10).collect(),
            parts,
            payor,
        };
        let beneficiary = &coverage.beneficiary;
        let written = beneficiary.reference.as_deref().map(plain);
        let mut keys: Vec<_> = written.map(key).into_iter().collect();
        if let Some(tail) = written.and_then(tail) {
            keys.push(key(&format!("*/{tail}")));
        }
        keys.extend(key_of_identifier(&beneficiary.identifier));
        for key in keys {
            let known = self.insured.get(&key);
            let better = known.is_none_or(|known| known.rank() < joined.rank());
            if better {
                self.insured.insert(key, joined.clone());
            }
        }
    }

    fn organization(&mut self, resource: &Resource<'_>) {
        let Ok(organization) = resource.parse::<Organization>() else {
            return;
        };
        let Some(insurer) = insurer_of(organization.identifier.iter()) else {
            return;
        };
        if let Some(url) = &resource.url {
            self.insurers.insert(key(url), insurer.to_string());
        }
        if let Some(id) = &organization.id {
            let id = key(&format!("Organization/{}", &**id));
            self.insurers.insert(id, insurer.to_string());
        }
    }
}

/// A reference without its version.
fn plain(reference: &str) -> &str {
    reference.split("/_history/").next().unwrap_or(reference)
}

/// `Patient/1` of `https://server/fhir/Patient/1`; `None` for references that are not absolute.
fn tail(reference: &str) -> Option<&str> {
    reference.contains("://").then_some(())?;
    let id = reference.rfind('/')?;
    let kind = reference[..id].rfind('/')?;
    Some(&reference[kind + 1..])
}

fn key_of_identifier(identifier: &Identifier) -> Option<Key> {
    let (system, value) = (identifier.system.as_deref()?, identifier.value.as_deref()?);
    let text = Zeroizing::new(format!("{system}{UNIT}{value}"));
    (!value.is_empty()).then(|| key(&text))
}

pub(super) fn key(text: &str) -> Key {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let (key, _) = hash.split_first_chunk().expect("32 bytes hold 16");
    *key
}

#[cfg(test)]
mod tests {
    use super::{super::insurance::MEMBER, *};

    #[test]
    fn one_insurance_past_the_limit() {
        let line = |id: u32| {
            format!(
                "{{\"resourceType\":\"Coverage\",\"beneficiary\":{{\"reference\":\"Patient/{id}\"}},\
                 \"identifier\":[{{\"system\":\"{MEMBER}\",\"value\":\"01130012:1:{id}:01\"}}]}}\n"
            )
        };
        let mut coverages = Coverages::new();
        assert_eq!(coverages.limit, COVERAGES_MAX);
        coverages.limit = 2;
        let two = line(1) + &line(2) + &line(2);
        assert_eq!(coverages.add(two.as_bytes()), Ok(()));
        let error = coverages.add(line(3).as_bytes()).expect_err("one past");
        assert_eq!(error.code(), "file-too-large");
    }

    #[test]
    fn nothing_is_printed() {
        assert_eq!(format!("{:?}", Coverages::new()), "Coverages(..)");
    }
}
