//! What can be checked from outside: the crosswalk against its digest and the truth, every receipt against
//! the audit key that the custodians vouched for, and the whole log.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
};

use keymgmt_custody::{audit::verify_receipt, package::SitePackage, site::SiteKeys};
use linkage_proto::v1::Release;
use linker_token::SiteId;
use serde::Deserialize;
use serde_json::Value;

use super::{Programs, configs, folder::Folder, linkage::client, process::Crew};
use crate::{
    error::{BenchError, file},
    evaluate::Score,
    machine,
    sites::{Site, truth},
};

/// Upload receipts kept by the sites.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Receipts {
    /// All of them.
    pub(super) all: u64,
    /// Those whose inclusion proof and checkpoint verify.
    pub(super) verified: u64,
}

/// Streams the release with a process of its own and compares rows and digest with what was released.
pub(super) async fn crosswalk(
    crew: &Crew,
    programs: &Programs,
    folder: &Folder,
    address: &str,
    release: &Release,
) -> Result<(), BenchError> {
    let arguments = crosswalk_arguments(folder, address, &release.release_id, "crosswalk");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = crew.run("crosswalk", &programs.bench, &arguments).await?;
    let report: Value = serde_json::from_str(output.trim()).unwrap_or_default();
    if report["rows"] != release.rows || report["sha256"] != hex::encode(&release.digest) {
        return Err(check("the streamed crosswalk is the released one"));
    }
    Ok(())
}

/// How the researcher asks for the crosswalk, into two files of this name.
pub(super) fn crosswalk_arguments(
    folder: &Folder,
    address: &str,
    release: &str,
    name: &str,
) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let research = client(folder, "research", address);
    let result = |extension: &str| text(&folder.results().join(format!("{name}.{extension}")));
    let options = [
        ("--address", address.to_owned()),
        ("--server-name", research.server_name),
        ("--ca", text(&research.ca)),
        ("--certificate", text(&research.certificate)),
        ("--key", text(&research.key)),
        ("--release", release.to_owned()),
        ("--csv", result("csv")),
        ("--parquet", result("parquet")),
    ];
    let options = options.map(|(option, value)| [option.to_owned(), value]);
    let verb = std::iter::once("crosswalk".to_owned());
    verb.chain(options.into_iter().flatten()).collect()
}

fn csv(folder: &Folder) -> std::path::PathBuf {
    folder.results().join("crosswalk.csv")
}

fn check(what: impl Into<String>) -> BenchError {
    BenchError::Check { what: what.into() }
}

/// Compares the crosswalk's clusters with the truth, over each site's own linkage table. A record that has no
/// pseudonym counts as alone.
pub(super) fn score(folder: &Folder) -> Result<Score, BenchError> {
    let mut truth = truth::read(&folder.truth()).map_err(file("read the truth"))?;
    let mut persons: BTreeMap<&str, HashMap<String, u32>> = BTreeMap::new();
    for site in Site::ALL {
        let name = site.name();
        let known = truth.remove(name).unwrap_or_default();
        let of_reference = lines(&folder.table(site))?
            .filter_map(|line| {
                let line = line.ok()?;
                let (reference, record) = line.split_once(',')?;
                Some((reference.to_owned(), *known.get(record.trim_matches('"'))?))
            })
            .collect::<HashMap<String, u32>>();
        let missing = known.len().checked_sub(of_reference.len());
        if missing.is_none_or(|missing| missing > known.len() / 100) {
            return Err(check(format!(
                "the linkage table of {name} has nearly all of its records"
            )));
        }
        truth.insert(name.to_owned(), known);
        persons.insert(name, of_reference);
    }
    let mut clusters: HashMap<String, u32> = HashMap::new();
    let mut records = Vec::new();
    let mut linked: BTreeMap<String, HashMap<u32, u32>> = BTreeMap::new();
    for line in lines(&csv(folder))? {
        let line = line.map_err(file("read the crosswalk"))?;
        let mut cells = line.split(',');
        let (Some(site), Some(reference), Some(pseudonym)) =
            (cells.next(), cells.next(), cells.next())
        else {
            return Err(check("every line of the crosswalk has three cells"));
        };
        let person = persons
            .get(site)
            .and_then(|of_reference| of_reference.get(reference));
        let person = *person
            .ok_or_else(|| check("every reference of the crosswalk is in a linkage table"))?;
        let next = u32::try_from(clusters.len()).unwrap_or(u32::MAX);
        let cluster = *clusters.entry(pseudonym.to_owned()).or_insert(next);
        records.push((cluster, person));
        *linked
            .entry(site.to_owned())
            .or_default()
            .entry(person)
            .or_default() += 1;
    }
    add_unlinked(&truth, linked, &mut records);
    Ok(Score::of(records))
}

/// Adds every record that the crosswalk lacks as a cluster of its own.
fn add_unlinked(
    truth: &BTreeMap<String, BTreeMap<String, u32>>,
    mut linked: BTreeMap<String, HashMap<u32, u32>>,
    records: &mut Vec<(u32, u32)>,
) {
    let mut alone = u32::MAX;
    for (site, known) in truth {
        let linked = linked.entry(site.clone()).or_default();
        for person in known.values() {
            match linked.get_mut(person) {
                Some(left) if *left > 0 => *left -= 1,
                Some(_) | None => {
                    records.push((alone, *person));
                    alone -= 1;
                }
            }
        }
    }
}

fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>, BenchError> {
    let opened = fs::File::open(path).map_err(file(format!("read {}", path.display())))?;
    Ok(BufReader::new(opened).lines().skip(1))
}

#[derive(Deserialize)]
struct Kept {
    audit_entry: String,
    audit_index: u64,
    checkpoint: String,
    inclusion_proof: Vec<String>,
}

/// Verifies every kept receipt again: not with the agent, but with the audit key of the key package.
pub(super) fn receipts(folder: &Folder) -> Result<Receipts, BenchError> {
    let mut receipts = Receipts::default();
    for site in Site::ALL {
        let state = folder.site(site).join("state");
        let audit_key = audit_key(folder, site)?;
        let kept = state.join("receipts");
        let failed = || file(format!("read {}", kept.display()));
        for entry in kept.read_dir().map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let bytes = fs::read(&path).map_err(failed())?;
            let verified =
                serde_json::from_slice(&bytes).is_ok_and(|kept| verifies(&kept, &audit_key));
            receipts.all += 1;
            receipts.verified += u64::from(verified);
        }
    }
    if receipts.all == 0 || receipts.verified != receipts.all {
        let Receipts { all, verified } = receipts;
        return Err(check(format!(
            "all upload receipts verify; {verified} of {all} do"
        )));
    }
    Ok(receipts)
}

fn verifies(kept: &Kept, audit_key: &[u8]) -> bool {
    let hash = |text: &String| hex::decode(text).ok()?.try_into().ok();
    let proof: Option<Vec<[u8; 32]>> = kept.inclusion_proof.iter().map(hash).collect();
    let (entry, index) = (kept.audit_entry.as_bytes(), kept.audit_index);
    proof.is_some_and(|proof| {
        verify_receipt(
            entry,
            index,
            &kept.checkpoint,
            &proof,
            configs::ORIGIN,
            audit_key,
        )
        .is_ok()
    })
}

/// The audit key in the package that the custodians signed for a site.
fn audit_key(folder: &Folder, site: Site) -> Result<Vec<u8>, BenchError> {
    let refused = |_error| check(format!("the key package of {} opens", site.name()));
    let read = |path: &Path| fs::read(path).map_err(file(format!("read {}", path.display())));
    let state = folder.site(site).join("state");
    let keys = SiteKeys::load(&state.join("keys")).map_err(refused)?;
    let package = read(&state.join("epochs/1/package.pkg"))?;
    let custody_key = read(&folder.ceremony().join("out/csk.spki"))?;
    let name = SiteId::parse(site.name()).map_err(|_error| check("the site's name is one"))?;
    let opened =
        SitePackage::open(&package, &keys, &name, &custody_key, machine::now()).map_err(refused)?;
    Ok(opened.content().audit_spki.clone())
}

/// Lets the appliance's own command verify the log of the stopped appliance.
pub(super) async fn audit(
    crew: &Crew,
    programs: &Programs,
    folder: &Folder,
) -> Result<(), BenchError> {
    let config = folder
        .appliance()
        .join("appliance.toml")
        .display()
        .to_string();
    let arguments = ["audit", "verify", "--config", &config];
    crew.run("audit-verify", &programs.appliance, &arguments)
        .await
        .map(|_output| ())
}
