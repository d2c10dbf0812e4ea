//! Keys: the sites' requests, the ceremony on two tokens, the packages and their receipts.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use futures_util::future::try_join_all;

use super::{Programs, configs, folder::Folder, process::Crew};
use crate::{
    error::{BenchError, file},
    sites::Site,
};

const CUSTODY_TOKEN: &str = "musubi-custody";
const PROFILE: &str = include_str!("../../../keymgmt/custody/profiles/softhsm2.toml");
/// Address in the agents' configuration until the appliance has chosen its port.
const NO_ADDRESS: &str = "127.0.0.1:9";

/// From nothing to a signed enrolment of all sites and the consultation desk.
pub(super) async fn run(
    crew: &Crew,
    programs: &Programs,
    folder: &Folder,
) -> Result<(), BenchError> {
    configs::softhsm(folder)?;
    for site in Site::ALL {
        configs::agent(folder, site, NO_ADDRESS)?;
    }
    configs::desk(folder, NO_ADDRESS)?;
    prepare(folder)?;
    let agents = agents(folder);
    try_join_all(agents.iter().map(|(name, at)| async move {
        let (step, config) = (format!("enrol-{name}"), text(&at.join("tokenizer.toml")));
        let arguments = ["enrol", "--config", &config];
        crew.run(&step, &programs.tokenizer, &arguments).await
    }))
    .await?;
    let at = |name: &str| text(&folder.ceremony().join(name));
    let (recipe, environment, out) = (at("recipe.toml"), at("environment.toml"), at("out"));
    let arguments = [
        "rehearse",
        "--recipe",
        &recipe,
        "--environment",
        &environment,
        "--out",
        &out,
    ];
    crew.run("ceremony", &programs.ceremony, &arguments).await?;
    try_join_all(agents.iter().map(|(name, at)| async move {
        let (step, config) = (format!("accept-{name}"), text(&at.join("tokenizer.toml")));
        let packages = folder.ceremony().join("out/packages");
        let package = text(&packages.join(format!("{name}.pkg")));
        let arguments = ["accept-key", &package, "--config", &config];
        crew.run(&step, &programs.tokenizer, &arguments).await
    }))
    .await?;
    let receipts = agents
        .iter()
        .map(|(_, at)| text(&at.join("state/receipt.note")));
    let receipts: Vec<String> = receipts.collect();
    let mut arguments = vec!["receipt", "--environment", &environment, "--out", &out];
    arguments.extend(receipts.iter().map(String::as_str));
    crew.run("ceremony-receipts", &programs.ceremony, &arguments)
        .await?;
    put_away_custody_token(folder)
}

/// Everybody with keys: name and folder of each site, and of the consultation desk.
fn agents(folder: &Folder) -> Vec<(&'static str, PathBuf)> {
    let sites = Site::ALL.map(|site| (site.name(), folder.site(site)));
    let desk = (configs::DESK, folder.desk());
    sites.into_iter().chain([desk]).collect()
}

/// Recipe, environment, profile and PIN files.
fn prepare(folder: &Folder) -> Result<(), BenchError> {
    let at = |name: &str| folder.ceremony().join(name);
    let agents = agents(folder);
    let sites: Vec<&str> = agents.iter().map(|(name, _)| *name).collect();
    let recipe = format!(
        r#"title = "Demo: keys of epoch 1"
project = "{project}"
epoch = 1
schema = "jp-1"
custodians = ["custodian-a", "custodian-b", "custodian-c"]
threshold = 2
sites = {sites:?}
valid_days = 30
steps = ["token-init", "generate", "enrol-site", "issue"]
"#,
        project = configs::PROJECT
    );
    let mut environment = "profile = \"softhsm2.toml\"\n".to_owned();
    for (table, label) in [
        ("custody", CUSTODY_TOKEN),
        ("appliance", configs::APPLIANCE_TOKEN),
    ] {
        environment.push_str(&format!(
            "\n[{table}]\nlabel = \"{label}\"\nofficer_pin_file = \"{table}-officer.pin\"\nuser_pin_file = \"{table}-user.pin\"\n"
        ));
        for role in ["officer", "user"] {
            let file_name = format!("{table}-{role}.pin");
            write_pin(&at(&file_name)).map_err(file("write a PIN file"))?;
        }
    }
    environment
        .push_str("\n[rehearsal]\npresent = [\"custodian-a\", \"custodian-b\", \"custodian-c\"]\n");
    for (name, at) in &agents {
        let request = at.join("state/request.note");
        environment.push_str(&format!(
            "\n[[site]]\nname = \"{name}\"\nrequest = \"{}\"\n",
            request.display()
        ));
    }
    configs::write(&at("softhsm2.toml"), PROFILE)?;
    configs::write(&at("recipe.toml"), &recipe)?;
    configs::write(&at("environment.toml"), &environment)?;
    configs::appliance(folder, &at("softhsm2.toml"), &at("appliance-user.pin"))
}

/// Sixteen random digits, readable by the owner only.
fn write_pin(path: &Path) -> io::Result<()> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let digits: String = bytes
        .iter()
        .map(|byte| char::from(b'0' + byte % 10))
        .collect();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    writeln!(options.open(path)?, "{digits}")
}

/// The custody token is off line from here on: the appliance's module must not even see it.
fn put_away_custody_token(folder: &Folder) -> Result<(), BenchError> {
    let failed = || file("put the custody token away");
    let safe = folder.path().join("softhsm").join("safe");
    fs::create_dir_all(&safe).map_err(failed())?;
    for entry in folder.tokens().read_dir().map_err(failed())? {
        let token = entry.map_err(failed())?.path();
        let object = fs::read(token.join("token.object")).map_err(failed())?;
        let is_custody = object
            .windows(CUSTODY_TOKEN.len())
            .any(|part| part == CUSTODY_TOKEN.as_bytes());
        if let (true, Some(name)) = (is_custody, token.file_name()) {
            fs::rename(&token, safe.join(name)).map_err(failed())?;
        }
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
