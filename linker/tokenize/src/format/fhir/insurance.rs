//! The forms in which FHIR resources carry an insurance.

use zeroize::Zeroizing;

use super::model::{Coverage, Extension, Identifier, List, Organization};

/// System of the identifier of an insured person (被保険者個人識別子).
pub(super) const MEMBER: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
/// Ends of systems of insurer numbers.
const INSURERS: [&str; 2] = ["1.2.392.100495.20.3.61", "/InsurerNumber"];

/// An insurance in its parts.
#[derive(Default)]
pub(super) struct Insurance {
    pub(super) insurer: Zeroizing<String>,
    pub(super) symbol: Zeroizing<String>,
    pub(super) number: Zeroizing<String>,
    pub(super) branch: Zeroizing<String>,
}

/// The insurance that an identifier of a patient carries (CLINS).
pub(super) fn member(identifiers: &List<Identifier>) -> Option<Insurance> {
    let member = identifiers.iter().find(|identifier| {
        let system = identifier.system.as_deref();
        system == Some(MEMBER) && identifier.value.is_some()
    })?;
    parts_of_member(member.value.as_deref()?)
}

/// `insurer:symbol:number:branch`; parts may be empty.
fn parts_of_member(value: &str) -> Option<Insurance> {
    let mut parts = value.split(':');
    let mut part = || parts.next().map(|part| Zeroizing::new(part.to_owned()));
    let insurance = Insurance {
        insurer: part()?,
        symbol: part()?,
        number: part()?,
        branch: part().unwrap_or_default(),
    };
    (part().is_none() && !insurance.number.trim().is_empty()).then_some(insurance)
}

/// Quoted parts with commas: symbol, number and branch, with the insurer before them or not.
fn parts_of_table(value: &str) -> Option<Insurance> {
    let inner = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    let parts: Vec<_> = inner.splitn(5, "\",\"").collect();
    let text = |part: &str| Zeroizing::new(part.to_owned());
    let (insurer, rest) = match parts[..] {
        [insurer, ref rest @ ..] if parts.len() == 4 => (insurer, rest),
        ref rest if parts.len() == 3 => ("", rest),
        _ => return None,
    };
    Some(Insurance {
        insurer: text(insurer),
        symbol: text(rest[0]),
        number: text(rest[1]),
        branch: text(rest[2]),
    })
}

/// Extensions of the coverage or of its identifier, then identifiers. A subscriber's number alone is
/// not taken: public payers put another number there.
pub(super) fn insurance_of(coverage: &Coverage<'_>) -> Option<Insurance> {
    let identifiers = || coverage.identifier.iter();
    let extensions = || {
        let inner = identifiers().flat_map(|identifier| identifier.extension.iter());
        coverage.extension.iter().chain(inner)
    };
    let value = |end: &str| {
        let mut all = extensions();
        let found = all.find(|extension| ends(extension, end))?;
        let text = found.value_string.as_deref()?;
        Some(Zeroizing::new(text.to_owned()))
    };
    let mut identified = member(&coverage.identifier);
    if identified.is_none() {
        let values = identifiers().filter_map(|identifier| identifier.value.as_deref());
        identified = values.filter_map(parts_of_table).next();
    }
    let number = value("JP_Coverage_InsuredPersonNumber");
    let mut insurance = match number {
        Some(number) => Insurance {
            insurer: identified.map(|known| known.insurer).unwrap_or_default(),
            symbol: value("JP_Coverage_InsuredPersonSymbol").unwrap_or_default(),
            number,
            branch: value("JP_Coverage_InsuredPersonSubNumber").unwrap_or_default(),
        },
        None => identified?,
    };
    if insurance.branch.is_empty()
        && let Some(dependent) = &coverage.dependent
    {
        insurance.branch = Zeroizing::new(dependent.to_string());
    }
    Some(insurance)
}

fn ends(extension: &Extension, end: &str) -> bool {
    extension
        .url
        .as_deref()
        .is_some_and(|url| url.ends_with(end))
}

/// The insurer number among the identifiers of an organisation.
pub(super) fn insurer_of<'i, I: Iterator<Item = &'i Identifier>>(
    mut identifiers: I,
) -> Option<Zeroizing<String>> {
    let found = identifiers.find(|identifier| {
        let system = identifier.system.as_deref().unwrap_or("");
        INSURERS.iter().any(|end| system.ends_with(end))
    })?;
    found
        .value
        .as_deref()
        .map(|text| Zeroizing::new(text.to_owned()))
}

/// The insurer number of an organisation inside the coverage.
pub(super) fn contained_insurer(coverage: &Coverage<'_>, id: &str) -> Option<Zeroizing<String>> {
    let organizations = coverage.contained.iter();
    let mut organizations =
        organizations.filter_map(|json| serde_json::from_str::<Organization>(json.get()).ok());
    let found = organizations.find(|organization| organization.id.as_deref() == Some(id))?;
    insurer_of(found.identifier.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_tables_in_parts() {
        let text = |insurance: Option<Insurance>| {
            insurance.map(|i| format!("{}|{}|{}|{}", *i.insurer, *i.symbol, *i.number, *i.branch))
        };
        for (value, parts) in [
            (
                "00012345:あいう:１８７:05",
                Some("00012345|あいう|１８７|05"),
            ),
            ("39130012::1234567:", Some("39130012||1234567|")),
            ("00012345:1", None),
            ("00012345:1::05", None),
            ("1:2:3:4:5", None),
        ] {
            assert_eq!(text(parts_of_member(value)).as_deref(), parts, "{value}");
        }
        for (value, parts) in [
            ("\"１２\",\"３４\",\"０１\"", Some("|１２|３４|０１")),
            ("\"0\",\"1\",\"2\",\"3\"", Some("0|1|2|3")),
            ("\"1\",\"2\"", None),
            ("\"", None),
            ("1,2,3", None),
        ] {
            assert_eq!(text(parts_of_table(value)).as_deref(), parts, "{value}");
        }
    }
}
