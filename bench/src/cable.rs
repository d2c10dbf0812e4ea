//! Pulls the cable: one site uploads through a line that breaks again and again, and in the end the real
//! appliance must hold exactly the tokens that an undisturbed upload leaves, each batch admitted once.
//!
//! Reading order: this file tells the story; `line` is the line and what goes wrong on it; `source` makes
//! the site's file.

mod line;
mod source;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};

use self::line::{Line, Seen};
use crate::{
    demo::{
        self, Programs, configs,
        folder::Folder,
        process::Crew,
        server::{self, Server},
    },
    error::{BenchError, file},
    limits::{CABLE_FAULTS_MAX, PEOPLE_MAX},
    machine,
    sites::Site,
    ui::{Story, grouped},
};

/// The site that uploads.
const SITE: Site = Site::Town;

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Number of records.
    #[arg(long, default_value_t = 1_000_000)]
    pub records: u32,
    /// How often something goes wrong on the line.
    #[arg(long, default_value_t = 100)]
    pub faults: u32,
    /// Rows of one batch.
    #[arg(long, default_value_t = 65_536)]
    pub batch_rows: u32,
    /// Seed of what goes wrong and when.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where everything goes. A folder of an earlier demo is cleared.
    #[arg(long, value_name = "FOLDER", default_value = "target/cable")]
    pub folder: PathBuf,
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// What one upload left.
struct Left {
    /// What the agent says.
    report: Value,
    /// What the stopped appliance says.
    status: Value,
    /// How often each batch stands in the audit log as admitted.
    admissions: BTreeMap<String, u64>,
    seen: Seen,
    seconds: f64,
}

/// Uploads twice, without and with faults, and compares.
///
/// # Errors
/// [`BenchError::Check`] if the two differ, and whatever else goes wrong.
pub async fn run(options: &Options, programs: &Programs) -> Result<Value, BenchError> {
    if !(1..=PEOPLE_MAX).contains(&options.records) || options.faults > CABLE_FAULTS_MAX {
        return Err(BenchError::Option {
            what: "there are 1 to 10,000,000 records and at most 10,000 faults",
        });
    }
    let story = Story::default();
    let (folder, crew) = demo::begin(&options.folder)?;
    demo::make_keys(&crew, programs, &folder).await?;
    source::write(&folder.site(SITE), options.records).map_err(file("write the records"))?;
    story.say(&format!("{} records", grouped(options.records.into())));
    let bench = Bench {
        options,
        programs,
        folder: &folder,
        crew: &crew,
    };
    // A site that has seen one log accepts no other, so its state is put back.
    let (state, kept) = (folder.site(SITE).join("state"), folder.path().join("kept"));
    copy(&state, &kept).map_err(file("copy the site's state"))?;
    let quiet = Box::pin(bench.upload(0, 0)).await?;
    story.say(&format!(
        "undisturbed: {} rows in {:.1} s, {} bytes",
        grouped(rows(&quiet.status)),
        quiet.seconds,
        grouped(quiet.seen.bytes_up)
    ));
    let data = folder.appliance().join("data");
    fs::rename(&data, data.with_extension("undisturbed")).map_err(file("put the data aside"))?;
    fs::remove_dir_all(&state)
        .and_then(|()| copy(&kept, &state))
        .map_err(file("put the site's state back"))?;
    let bytes = quiet.seen.bytes_up;
    let rough = Box::pin(bench.upload(options.faults, bytes)).await?;
    story.say(&format!(
        "with {} faults: {} rows in {:.1} s, {} bytes",
        rough.seen.faults(),
        grouped(rows(&rough.status)),
        rough.seconds,
        grouped(rough.seen.bytes_up)
    ));
    compare(options, &quiet, &rough)?;
    Ok(summary(options, &quiet, &rough))
}

struct Bench<'a> {
    options: &'a Options,
    programs: &'a Programs,
    folder: &'a Folder,
    crew: &'a Crew,
}

impl Bench<'_> {
    /// One upload over a line with so many faults, spread over about so many bytes.
    async fn upload(&self, faults: u32, bytes: u64) -> Result<Left, BenchError> {
        let mut server: Server = server::start(self.crew, self.programs, self.folder).await?;
        let line = Line::lay(&server.ports().grpc, faults, bytes, self.options.seed).await?;
        self.configure(&line.address())?;
        let config = self.folder.agent_config(SITE).display().to_string();
        let began = std::time::Instant::now();
        let arguments = ["run", "--config", &config, "--json"];
        let name = if faults == 0 { "quiet" } else { "rough" };
        let output = self
            .crew
            .run(name, &self.programs.tokenizer, &arguments)
            .await?;
        let seconds = began.elapsed().as_secs_f64();
        let seen = line.cut();
        server.stop().await?;
        let report = output.lines().last().unwrap_or_default();
        Ok(Left {
            report: serde_json::from_str(report).unwrap_or_default(),
            status: self.status().await?,
            admissions: self.admissions().await?,
            seen,
            seconds,
        })
    }

    fn configure(&self, address: &str) -> Result<(), BenchError> {
        configs::agent(self.folder, SITE, address)?;
        let at = self.folder.site(SITE);
        fs::write(at.join("residents.toml"), source::MAPPING).map_err(file("write the mapping"))?;
        let path = self.folder.agent_config(SITE);
        let text = fs::read_to_string(&path).map_err(file("read the configuration"))?;
        let rows = format!("batch_rows = {}", self.options.batch_rows);
        let text = text
            .replace("batch_rows = 65536", &rows)
            .replace("retry_for_seconds = 60", "retry_for_seconds = 600");
        fs::write(&path, text).map_err(file("write the configuration"))
    }

    fn appliance(&self) -> String {
        let path = self.folder.appliance().join("appliance.toml");
        path.display().to_string()
    }

    async fn status(&self) -> Result<Value, BenchError> {
        let config = self.appliance();
        let arguments = ["status", "--config", &config, "--token-digest", "--json"];
        let output = self
            .crew
            .run("status", &self.programs.appliance, &arguments);
        let status = output.await?;
        serde_json::from_str(status.trim()).map_err(|_error| check("the status is JSON"))
    }

    /// Verifies the whole log, and counts the admissions in it by batch.
    async fn admissions(&self) -> Result<BTreeMap<String, u64>, BenchError> {
        let config = self.appliance();
        for verb in ["verify", "export"] {
            let arguments = ["audit", verb, "--config", &config];
            let name = format!("audit-{verb}");
            let output = self.crew.run(&name, &self.programs.appliance, &arguments);
            let output = output.await?;
            if verb == "export" {
                return Ok(admitted(&output));
            }
        }
        Ok(BTreeMap::new())
    }
}

/// Batches that were admitted, by their entries in an exported log.
fn admitted(log: &str) -> BTreeMap<String, u64> {
    let mut admissions = BTreeMap::new();
    for line in log.lines() {
        // Index and hash stand before each entry, and the log's name and size in the first lines.
        let entry = line.find('{').map(|at| serde_json::from_str(&line[at..]));
        let entry: Value = entry.and_then(Result::ok).unwrap_or_default();
        if entry["operation"] == "admit" && entry["result"] == "ok" {
            let batch = entry["subject"].as_str().unwrap_or_default().to_owned();
            *admissions.entry(batch).or_default() += 1;
        }
    }
    admissions
}

fn rows(status: &Value) -> u64 {
    status["sites"][SITE.name()]["rows"].as_u64().unwrap_or(0)
}

fn check(what: impl Into<String>) -> BenchError {
    BenchError::Check { what: what.into() }
}

/// Exactly the same tokens, each batch once, and every fault did happen.
fn compare(options: &Options, quiet: &Left, rough: &Left) -> Result<(), BenchError> {
    let records = u64::from(options.records);
    let batches = u64::from(options.records.div_ceil(options.batch_rows));
    let admissions = |left: &Left| {
        let once = left.admissions.values().all(|&times| times == 1);
        once && left.admissions.len() as u64 == batches
    };
    for (holds, what) in [
        (
            rows(&quiet.status) == records && rows(&rough.status) == records,
            "every record is a row of the appliance",
        ),
        (
            !quiet.status["token_digest"].is_null()
                && quiet.status["token_digest"] == rough.status["token_digest"],
            "the rows are the same, bit for bit",
        ),
        (
            quiet.status["sites"] == rough.status["sites"],
            "batches and rows are as many",
        ),
        (
            admissions(quiet) && admissions(rough),
            "each batch is admitted once in the audit log",
        ),
        (
            rough.seen.faults() == options.faults,
            "every fault happened before the upload ended",
        ),
        (
            rough.report["receipts_verified"] == batches && rough.report["batches_waiting"] == 0,
            "the site holds a verified receipt of each batch, and nothing waits",
        ),
    ] {
        if !holds {
            return Err(check(what));
        }
    }
    Ok(())
}

fn summary(options: &Options, quiet: &Left, rough: &Left) -> Value {
    let seconds = |seconds: f64| (seconds * 100.0).round() / 100.0;
    let bytes = |left: &Left| left.seen.bytes_up;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of fewer than 2^52 bytes"
    )]
    let resent = bytes(rough).saturating_sub(bytes(quiet)) as f64 / bytes(quiet).max(1) as f64;
    json!({
        "bench": "cable",
        "records": options.records,
        "rows": rows(&rough.status),
        "batches": rough.admissions.len(),
        "admitted_more_than_once": 0,
        "same_tokens": true,
        "seed": options.seed,
        "faults": rough.seen.faults(),
        "faults_by_kind": rough.seen.by_kind(),
        "connections": rough.seen.connections,
        "bytes_up": bytes(rough),
        "bytes_up_undisturbed": bytes(quiet),
        "resent_share": (resent * 1e4).round() / 1e4,
        "seconds": seconds(rough.seconds),
        "seconds_undisturbed": seconds(quiet.seconds),
        "agent_peak_rss_bytes": rough.report["peak_rss_bytes"],
        "machine": machine::machine("-"),
        "commit": machine::commit(),
        "date": machine::date(),
    })
}

/// Copies a folder, files and folders only.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admissions_that_went_well_are_counted() {
        let log = concat!(
            "musubi-audit-export/1\nmusubi.example/demo\n5\n",
            r#"0 d7b6 {"operation":"admit","subject":"a","result":"ok"}"#,
            "\n",
            r#"1 8589 {"operation":"admit","subject":"a","result":"CORRUPT_CHUNK"}"#,
            "\n",
            r#"2 77aa {"operation":"start","subject":"b","result":"ok"}"#,
            "\nno JSON\n",
            r#"3 01fe {"operation":"admit","subject":"a","result":"ok"}"#,
        );
        assert_eq!(admitted(log), BTreeMap::from([("a".to_owned(), 2)]));
    }
}
