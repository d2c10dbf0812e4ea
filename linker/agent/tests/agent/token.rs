//! A site whose wrapping and signing key are in a token of its own (SoftHSM2).

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use keymgmt_custody::{Oaep, challenge, profile::Profile};
use linker_token::Epoch;

use crate::{
    keys::code_of,
    support::{
        appliance::Appliance,
        site::{EPOCH, Site, text},
    },
};

const PROFILE: &str = include_str!("../../../../keymgmt/custody/profiles/softhsm2.toml");
const PIN: &str = "site-test-pin";

/// A site with an initialised token that its configuration names.
fn site(appliance: &Appliance) -> Site {
    let module = Profile::parse(PROFILE).unwrap().module().to_owned();
    assert!(
        Path::new(&module).exists(),
        "SoftHSM2 is missing at {module}: install the package softhsm2 (`./run test` does)"
    );
    let site = Site::new(appliance);
    fs::create_dir(site.path("tokens")).unwrap();
    let conf = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        site.path("tokens").display()
    );
    site.write("softhsm2.conf", conf);
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "site-keys"])
        .args(["--so-pin", "officer-test-pin", "--pin", PIN])
        .env("SOFTHSM2_CONF", site.path("softhsm2.conf"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    site.write("profile.toml", PROFILE);
    site.write("token.pin", PIN);
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(site.path("token.pin"), private).unwrap();
    site.reconfigure(
        "custody_key = \"csk.spki\"",
        "custody_key = \"csk.spki\"\nmodule = \"profile.toml\"\nlabel = \"site-keys\"\npin_file = \"token.pin\"",
    );
    site
}

fn run(site: &Site, arguments: &[&str]) -> Output {
    let mut command = site.command(arguments);
    command.env("SOFTHSM2_CONF", site.path("softhsm2.conf"));
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_packages_and_signs_manifests() {
    let appliance = Appliance::start().await;
    let site = site(&appliance);
    let output = run(&site, &["enrol"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let again = run(&site, &["enrol"]);
    assert_eq!(output.stdout, again.stdout, "a repeat changes nothing");
    assert_eq!(
        site.files("state/keys"),
        ["outer.key", "reference.key", "token.keys"]
    );
    let issued = challenge::issue(&site.request(), Oaep::Sha1).unwrap();
    site.write("site.challenge", &issued.file);
    let path = site.path("site.challenge");
    let output = run(&site, &["answer-challenge", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    {
        let mut inner = appliance.lock();
        inner.site_key = site.request().sign_spki;
        inner.sha1 = true;
    }
    let package = site.package_with(&appliance, Epoch(EPOCH), |content| {
        content.oaep = Oaep::Sha1;
    });
    site.write("site.pkg", package);
    let path = site.path("site.pkg");
    let output = run(&site, &["accept-key", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    site.people(50);
    let mut command = site.command(&["run", "--json"]);
    command.env("SOFTHSM2_CONF", site.path("softhsm2.conf"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(appliance.rows(), 50, "opened and verified by the appliance");
    let output = run(&site, &["forget-key", "--epoch", "7", "--last"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    site.write("token.pin", "wrong-pin");
    let output = run(&site, &["run"]);
    assert_eq!(code_of(&output), (Some(69), "TOKEN_FAILED".to_owned()));
    let said = text(&output.stderr);
    assert!(
        said.contains("WRONG_PIN") && !said.contains("wrong-pin"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_not_move_between_files_and_token() {
    let appliance = Appliance::start().await;
    let site = site(&appliance);
    assert_eq!(run(&site, &["enrol"]).status.code(), Some(0));
    let named = fs::read_to_string(site.path("tokenizer.toml")).unwrap();
    site.configure(&appliance.address(), 65_536, 5);
    let damaged = (Some(74), "KEYS_DAMAGED".to_owned());
    assert_eq!(
        code_of(&run(&site, &["enrol"])),
        damaged,
        "no token is named"
    );
    fs::remove_dir_all(site.path("state")).unwrap();
    assert_eq!(run(&site, &["enrol"]).status.code(), Some(0));
    site.write("tokenizer.toml", &named);
    assert_eq!(
        code_of(&run(&site, &["enrol"])),
        damaged,
        "the keys are files"
    );
    let half = named.replace("label = \"site-keys\"\n", "");
    site.write("tokenizer.toml", half);
    assert_eq!(
        code_of(&run(&site, &["enrol"])),
        (Some(64), "CONFIG_VALUE".to_owned())
    );
}
