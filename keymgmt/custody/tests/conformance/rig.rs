//! Modules, tokens, processes.
//!
//! A third module is tested with `MUSUBI_PKCS11_PROFILE=/path/of/profile.toml ./run test`, together with
//! whatever environment the module itself needs. It must offer either a free slot or a token labelled
//! `musubi-appliance` whose officer's PIN is `officer-pin`. That token is emptied again and again.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use cryptoki::{context::Pkcs11, session::Session, slot::Slot, types::AuthPin};
use keymgmt_custody::{
    CustodyError,
    hierarchy::epoch_context,
    inventory::{Inventory, KeyEntry},
    pkcs11::{
        AppliancePkcs11, OfficerSession, Pin, SecretUse, TokenFacts, TokenName, UserSession,
        init_token,
    },
    profile::Profile,
};
use linker_token::{Epoch, ProjectId};
use zeroize::Zeroizing;

use crate::maker::{Maker, NAMED};

pub(crate) const LABEL: &str = "musubi-appliance";
pub(crate) const OFFICER_PIN: &str = "officer-pin";
pub(crate) const USER_PIN: &str = "user-pin";

/// Set in a child only: its folder.
const FOLDER: &str = "MUSUBI_TEST_FOLDER";
/// Set in children of tests that have several: which scenario or step.
const SCENARIO: &str = "MUSUBI_TEST_SCENARIO";

/// A scenario by its name.
pub(crate) type Named = (&'static str, fn(&Rig));

/// What a scenario has.
pub(crate) struct Rig {
    pub(crate) maker: Maker,
    pub(crate) profile: Profile,
    pub(crate) folder: PathBuf,
}

/// Runs a scenario in a child process of this test binary, with its own folder of tokens.
pub(crate) fn in_child(maker: Maker, test: &str, scenario: fn(&Rig)) {
    if let Some(folder) = env::var_os(FOLDER) {
        scenario(&Rig::new(maker, PathBuf::from(folder)));
    } else {
        let folder = tempfile::tempdir().expect("a folder");
        child(maker, test, folder.path(), None);
    }
}

/// Runs every scenario against the module that the environment names, or says that none is named.
pub(crate) fn named(test: &str, scenarios: &[Named]) {
    if let Some(wanted) = env::var_os(SCENARIO) {
        let (_, scenario) = scenarios
            .iter()
            .find(|(name, _)| wanted == *name)
            .expect("known");
        let folder = env::var_os(FOLDER).expect("set together");
        return scenario(&Rig::new(Maker::Named, PathBuf::from(folder)));
    }
    // Not a print, which the test harness would keep to itself.
    let mut told = std::io::stderr();
    if env::var_os(NAMED).is_none() {
        let line =
            format!("{NAMED} is not set: SoftHSM2 and Kryoptic are tested, no third module\n");
        told.write_all(line.as_bytes()).expect("writes");
        return;
    }
    for (name, _) in scenarios {
        writeln!(told, "the module of {NAMED}: {name}").expect("writes");
        let folder = tempfile::tempdir().expect("a folder");
        child(Maker::Named, test, folder.path(), Some(name));
    }
}

/// Starts this test binary again for one test, and gives what it told.
pub(crate) fn child(maker: Maker, test: &str, folder: &Path, scenario: Option<&str>) -> String {
    let module = maker.module();
    assert!(
        maker == Maker::Named || module.exists(),
        "{} is missing: `./run test` puts it there",
        module.display()
    );
    let mut command = Command::new(env::current_exe().expect("this binary"));
    command
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder);
    command.envs(maker.configure(folder));
    // For modules that a server hosts; others do not look at it.
    command.env(
        "P11_KIT_SERVER_ADDRESS",
        format!("unix:path={}", folder.join("socket").display()),
    );
    if let Some(scenario) = scenario {
        command.env(SCENARIO, scenario);
    }
    let output = command.output().expect("the child runs");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{maker:?} {test} {scenario:?}:\n{told}"
    );
    told.into_owned()
}

/// Folder and step of a child, for tests that start their children themselves, one after the other.
pub(crate) fn step() -> Option<(PathBuf, String)> {
    let step = env::var(SCENARIO).ok()?;
    Some((PathBuf::from(env::var_os(FOLDER)?), step))
}

impl Rig {
    pub(crate) fn new(maker: Maker, folder: PathBuf) -> Self {
        let profile = Profile::parse(&maker.profile_text()).expect("parses");
        Self {
            maker,
            profile,
            folder,
        }
    }

    /// The same module under a profile with one thing changed.
    pub(crate) fn with_profile(&self, from: &str, to: &str) -> Profile {
        let text = self.maker.profile_text();
        assert!(text.contains(from), "{from}");
        Profile::parse(&text.replace(from, to)).expect("parses")
    }

    /// An empty token with both PINs.
    pub(crate) fn init(&self) -> TokenFacts {
        let made = init_token(&self.profile, LABEL, &pin(OFFICER_PIN), &pin(USER_PIN));
        match made {
            Err(CustodyError::TokenAmbiguous { .. }) if self.maker == Maker::Named => {
                let (context, slot) = self.raw();
                let officer = AuthPin::from(OFFICER_PIN);
                context.init_token(slot, &officer, LABEL).expect("emptied");
                let session = context.open_rw_session(slot).expect("a session");
                let so = cryptoki::session::UserType::So;
                session.login(so, Some(&officer)).expect("logs in");
                session.init_pin(&AuthPin::from(USER_PIN)).expect("a PIN");
                drop(session);
                keymgmt_custody::pkcs11::find_token(&self.profile, &token()).expect("is there")
            }
            made => made.expect("initialises"),
        }
    }

    pub(crate) fn user(&self) -> UserSession {
        UserSession::open(&self.profile, &token(), &pin(USER_PIN)).expect("logs in")
    }

    pub(crate) fn officer(&self) -> OfficerSession {
        OfficerSession::open(&self.profile, &token(), &pin(OFFICER_PIN)).expect("logs in")
    }

    /// The module past the library: what anyone with the PIN could do. The library has it initialised.
    pub(crate) fn raw(&self) -> (Pkcs11, Slot) {
        let context = Pkcs11::new(self.profile.module()).expect("the module");
        let slots = context.get_slots_with_initialized_token().expect("slots");
        let ours = |slot: &Slot| {
            let info = context.get_token_info(*slot).expect("tells");
            info.label() == LABEL
        };
        let slot = slots.into_iter().find(ours).expect("our token");
        (context, slot)
    }

    /// A session past the library. The login of the process is the library's.
    pub(crate) fn raw_session(&self) -> Session {
        let (context, slot) = self.raw();
        context.open_rw_session(slot).expect("a session")
    }

    /// An appliance token with its five keys.
    pub(crate) fn appliance_token(&self) -> Inventory {
        let facts = self.init();
        self.appliance_keys(facts)
    }

    pub(crate) fn appliance_keys(&self, facts: TokenFacts) -> Inventory {
        let serial = TokenName::Serial(facts.serial.clone());
        let user = UserSession::open(&self.profile, &serial, &pin(USER_PIN)).expect("logs in");
        let mut keys: Vec<KeyEntry> = ["tmk", "dkek", "psk"]
            .map(|name| {
                user.generate_secret(name, SecretUse::Fixed, &context())
                    .expect("generates")
            })
            .into();
        keys.push(user.generate_rsa("aik").expect("generates"));
        keys.push(user.generate_p256("ask").expect("generates"));
        Inventory {
            serial: facts.serial,
            label: facts.label,
            project: project(),
            epoch: Epoch(1),
            keys,
        }
    }

    pub(crate) fn open(&self, inventory: &Inventory) -> Result<AppliancePkcs11, CustodyError> {
        self.open_with(inventory, USER_PIN)
    }

    pub(crate) fn open_with(
        &self,
        inventory: &Inventory,
        user_pin: &str,
    ) -> Result<AppliancePkcs11, CustodyError> {
        AppliancePkcs11::open(
            &self.profile,
            token(),
            pin(user_pin),
            inventory,
            &project(),
            Epoch(1),
        )
    }
}

pub(crate) fn pin(text: &str) -> Pin {
    Pin::new(Zeroizing::new(text.to_owned())).expect("a PIN")
}

pub(crate) fn token() -> TokenName {
    TokenName::Label(LABEL.to_owned())
}

pub(crate) fn project() -> ProjectId {
    ProjectId::parse("demo").expect("a name")
}

pub(crate) fn context() -> Vec<u8> {
    epoch_context(&project(), Epoch(1))
}

/// The code of an error that must be.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, CustodyError>) -> &'static str {
    result.expect_err("must be refused").code()
}
