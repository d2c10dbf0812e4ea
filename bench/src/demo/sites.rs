//! The three sites: their files, and their agents at work.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write as _},
};

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{Options, Programs, configs, folder::Folder, process::Crew};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    people::Population,
    sites::{Site, Written, clinic, hospital, town, truth::Truth},
    ui::{Story, grouped},
};

/// The same, on a thread that may block.
pub(super) async fn write(
    options: &Options,
    folder: &Folder,
) -> Result<BTreeMap<&'static str, u64>, BenchError> {
    let (people, seed, preset, folder) =
        (options.people, options.seed, options.preset, folder.clone());
    let write = move || write_all(people, seed, preset, &folder);
    spawn_blocking(move || write().map_err(file("write the sites' files")))
        .await
        .unwrap_or_else(|_panic| {
            Err(BenchError::Check {
                what: "the data maker ends well".to_owned(),
            })
        })
}

/// Makes the population and writes every site's files and the truth. Returns records by site.
pub(super) fn write_all(
    people: u32,
    seed: u64,
    preset: Preset,
    folder: &Folder,
) -> io::Result<BTreeMap<&'static str, u64>> {
    let population = Population::generate(people, seed);
    let mut truth = Truth::create(&folder.truth())?;
    let mut held = BTreeMap::new();
    for site in Site::ALL {
        let mut count = 0;
        let seen = &mut |written: &Written| {
            count += 1;
            truth.add(site, written)
        };
        let at = folder.site(site);
        match site {
            Site::Hospital => hospital::write(&population, preset, &at.join("ssmix2"), seen)?,
            Site::Town => {
                let mut out = BufWriter::new(File::create(at.join("residents.csv"))?);
                town::write(&population, preset, &mut out, seen)?;
                out.flush()?;
            }
            Site::Clinic => {
                fs::create_dir(at.join("claims"))?;
                let mut out = BufWriter::new(File::create(at.join("claims/RECEIPTC.UKE"))?);
                clinic::write(&population, preset, &mut out, seen)?;
                out.flush()?;
            }
        }
        held.insert(site.name(), count);
    }
    truth.finish()?;
    Ok(held)
}

/// Runs all three agents side by side. Returns what each says about its run.
pub(super) async fn upload(
    crew: &Crew,
    programs: &Programs,
    folder: &Folder,
    address: &str,
    story: &Story,
) -> Result<BTreeMap<&'static str, Value>, BenchError> {
    for site in Site::ALL {
        configs::agent(folder, site, address)?;
    }
    let reports = try_join_all(Site::ALL.map(|site| async move {
        let config = folder.agent_config(site).display().to_string();
        let name = format!("tokenizer-{}", site.name());
        let arguments = ["run", "--config", &config, "--json"];
        let output = crew.run(&name, &programs.tokenizer, &arguments).await?;
        let report: Value = output
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .ok_or_else(|| BenchError::Check {
                what: format!("{name} ends with a JSON object"),
            })?;
        let count = |key: &str| grouped(report[key].as_u64().unwrap_or(0));
        story.say(&format!(
            "{}: {} records read, {} tokens, {} batches, {} rows admitted",
            site.name(),
            count("records"),
            count("tokens"),
            count("batches"),
            count("rows_admitted"),
        ));
        Ok::<_, BenchError>((site.name(), report))
    }))
    .await?;
    Ok(reports.into_iter().collect())
}

/// Has every site export its linkage table in clear, as it would for its own processing tier.
pub(super) async fn export_tables(
    crew: &Crew,
    programs: &Programs,
    folder: &Folder,
) -> Result<(), BenchError> {
    try_join_all(Site::ALL.map(|site| async move {
        let config = folder.agent_config(site).display().to_string();
        let place = folder.table(site).display().to_string();
        let name = format!("table-{}", site.name());
        let arguments = ["table", "export", &place, "--config", &config];
        crew.run(&name, &programs.tokenizer, &arguments).await
    }))
    .await?;
    Ok(())
}
