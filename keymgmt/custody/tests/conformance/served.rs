//! A module that crashes. It runs in a process of its own, behind `p11-kit server`, which these tests
//! kill and start again; the library speaks to it through `p11-kit-client.so`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, ObjectClass},
};
use keymgmt_custody::{
    Custody as _, Secret,
    hierarchy::{DerivingKey, Label},
    oaep,
    pkcs11::AppliancePkcs11,
};

use crate::maker::Maker;
use crate::papers;
use crate::rig::{self, Rig, child, code};

const ADDRESS: &str = "P11_KIT_SERVER_ADDRESS";

/// A server process with its workers, in a process group of its own.
struct Server {
    process: Child,
    socket: PathBuf,
}

impl Server {
    fn start(module: &Path, socket: &Path) -> Self {
        let mut process = Command::new("p11-kit")
            .args(["server", "--foreground", "--provider"])
            .arg(module)
            .arg("--name")
            .arg(socket)
            .arg("pkcs11:")
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("p11-kit is missing: `./run test` installs it");
        let told = process.stdout.take().expect("piped");
        // It tells its address when it listens.
        let told = BufReader::new(told).lines().next();
        let told = told.expect("a line").expect("text");
        assert!(told.starts_with(ADDRESS), "{told}");
        Self {
            process,
            socket: socket.to_owned(),
        }
    }

    /// Kills the server and its workers at once.
    fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let done = Command::new("kill").args(["-KILL", "--", &group]).status();
        let ended = done.is_ok_and(|done| done.success()) && self.process.wait().is_ok();
        assert!(ended || thread::panicking(), "the server cannot be killed");
        // What is killed leaves its socket.
        let removed = fs::remove_file(&self.socket);
        assert!(removed.is_ok() || thread::panicking(), "the socket stays");
    }
}

/// Puts another secret in the place of TMK: same `CKA_ID`, another value.
fn exchange(rig: &Rig) {
    let inventory = papers::read(&rig.folder);
    let tmk = inventory.key("tmk").expect("is listed");
    let user = rig.user();
    user.destroy("tmk", &tmk.id).expect("destroys");
    let session = rig.raw_session();
    let template = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::ValueLen(32.into()),
        Attribute::KeyType(cryptoki::object::KeyType::GENERIC_SECRET),
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Id(tmk.id.0.to_vec()),
    ];
    let made = session.generate_key(&Mechanism::GenericSecretKeyGen, &template);
    made.expect("generates");
}

/// The appliance, whose module crashes under it.
fn survive(maker: Maker, test: &str, folder: &Path) {
    let socket = folder.join("socket");
    let module = maker.module();
    let server = Server::start(&module, &socket);
    let rig = served_rig(maker, folder);
    let inventory = papers::read(folder);
    let custody = rig.open(&inventory).expect("opens");
    let derive = || custody.derive(DerivingKey::Tmk, Label::Permutation, b"c");
    let seed = derive().expect("derives");
    let secret = Secret::random().expect("random");
    let sealed = oaep::seal(custody.ingest_public_key(), rig.profile.oaep(), &secret);
    let sealed = sealed.expect("seals");
    assert!(custody.open_content_key(&sealed).expect("opens") == secret);

    // A crash that a supervisor has repaired already is not noticed by the caller.
    server.kill();
    let server = Server::start(&module, &socket);
    assert!(derive().expect("derives") == seed);
    assert!(custody.open_content_key(&sealed).expect("opens") == secret);

    // Of two that share the module (two epochs in one process) the first one asked restarts it, and the
    // other one is not given a session that is not its own.
    let other = rig.open(&inventory).expect("opens");
    other.check_health().expect("healthy");
    server.kill();
    let server = Server::start(&module, &socket);
    for _ in 0..3 {
        assert!(derive().expect("derives, though the other was not asked") == seed);
    }
    for _ in 0..3 {
        let derived = other.derive(DerivingKey::Tmk, Label::Permutation, b"c");
        assert!(derived.expect("derives") == seed);
        assert!(derive().expect("derives") == seed);
    }
    drop(other);
    assert!(derive().expect("derives") == seed);

    // While it is down, each call fails; the next one after its return works. A client without its
    // server has no slots, which cannot be told from a module without its token.
    server.kill();
    for _ in 0..3 {
        for refused in [code(derive()), code(custody.open_content_key(&sealed))] {
            assert!(
                ["HSM_UNAVAILABLE", "TOKEN_NOT_FOUND"].contains(&refused),
                "{refused}"
            );
        }
    }
    let server = Server::start(&module, &socket);
    custody.check_health().expect("healthy again");
    assert!(derive().expect("derives") == seed);

    // What comes back is checked: a key with the right `CKA_ID` and another value is refused.
    server.kill();
    child(maker, test, folder, Some("exchange"));
    let server = Server::start(&module, &socket);
    for _ in 0..3 {
        assert_eq!(code(derive()), "KEY_MISMATCH");
    }
    drop(custody);
    server.kill();
}

/// Crashes under load: answers are right or refused, and the last crash is survived like the first.
///
/// One call at a time, because the client of p11-kit 0.24 forgets one of two calls that wait when its
/// server dies: that thread waits for ever, inside the module.
fn survive_under_load(maker: Maker, folder: &Path) {
    const CRASHES: usize = 5;
    const LIMIT: usize = 1_000;
    let mut worst = 0;
    let (module, socket) = (maker.module(), folder.join("socket"));
    let mut server = Some(Server::start(&module, &socket));
    let rig = &served_rig(maker, folder);
    let inventory = &papers::read(folder);
    let open = || rig.open(inventory).expect("opens");
    let (first, second) = (&open(), &open());
    let derive = |custody: &AppliancePkcs11, key| custody.derive(key, Label::Permutation, b"c");
    let keys = [DerivingKey::Tmk, DerivingKey::Dkek, DerivingKey::Psk];
    let expected = &keys.map(|key| derive(first, key).expect("derives"));
    let (done, turn) = (&AtomicBool::new(false), &Mutex::new(()));
    thread::scope(|scope| {
        for custody in [first, second, first, second] {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    for (key, expected) in keys.into_iter().zip(expected) {
                        let one = turn.lock().expect("not poisoned");
                        let derived = derive(custody, key);
                        drop(one);
                        if let Ok(derived) = derived {
                            assert!(derived == *expected, "the answer of another key");
                        }
                    }
                }
            });
        }
        for _ in 0..CRASHES {
            // Killed before the next one starts.
            drop(server.take());
            server = Some(Server::start(&module, &socket));
            let fails = || {
                let _one = turn.lock().expect("not poisoned");
                second.check_health().is_err()
            };
            worst = worst.max((0..LIMIT).take_while(|_| fails()).count());
        }
        done.store(true, Ordering::Relaxed);
    });
    // A call may meet the restart that another one asked for, and fail once more.
    assert!(worst < LIMIT, "it must come back");
    for custody in [first, second] {
        custody.check_health().expect("healthy");
    }
    drop(server);
}

fn served_rig(maker: Maker, folder: &Path) -> Rig {
    let direct = Rig::new(maker, folder.to_owned());
    let from = direct.profile.module().to_owned();
    Rig {
        profile: direct.with_profile(&from, &client().display().to_string()),
        ..direct
    }
}

/// Debian and Fedora keep modules in folders of the machine's architecture.
fn client() -> PathBuf {
    let libraries = fs::read_dir("/usr/lib").expect("a folder");
    let folders = libraries.map(|entry| entry.expect("an entry").path());
    let all = folders.chain(["/usr/lib64".into(), "/usr/lib".into()]);
    all.map(|folder| folder.join("pkcs11/p11-kit-client.so"))
        .find(|path| path.exists())
        .expect("p11-kit-client.so is missing: `./run test` installs it")
}

fn run(maker: Maker, test: &str) {
    if let Some((folder, step)) = rig::step() {
        let rig = || Rig::new(maker, folder.clone());
        return match step.as_str() {
            "make" => papers::leave(&rig(), &rig().appliance_token()),
            "survive" => survive(maker, test, &folder),
            "load" => survive_under_load(maker, &folder),
            "exchange" => exchange(&rig()),
            other => panic!("no step {other}"),
        };
    }
    let folder = tempfile::tempdir().expect("a folder");
    for step in ["make", "load", "survive"] {
        child(maker, test, folder.path(), Some(step));
    }
}

#[test]
fn softhsm2_a_crashed_module_is_met_again() {
    run(
        Maker::SoftHsm2,
        "served::softhsm2_a_crashed_module_is_met_again",
    );
}

#[test]
fn kryoptic_a_crashed_module_is_met_again() {
    run(
        Maker::Kryoptic,
        "served::kryoptic_a_crashed_module_is_met_again",
    );
}
