//! What is left in memory when keys were dropped: nothing that this crate put there.
//!
//! A child of this test does what ceremonies and the appliance do, with SoftHSM2, and stops twice at a
//! pipe: while its keys are alive, and after they were dropped. Each time the parent reads all of its
//! readable memory and searches for every piece of sixteen bytes of every secret, as bytes, as
//! hexadecimal and as base64. Pieces, because an allocator writes over the head of what is freed. The
//! first stop shows that the search finds; the second must find nothing.

mod needles;

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use keymgmt_custody::{
    Custody as _, Secret, backup,
    backup::Share,
    envelope::{FrameCipher, open_data_key, seal_data_key},
    hierarchy::{DerivingKey, Label, derive_in_host, epoch_context},
    inventory::Inventory,
    pkcs11::{
        AppliancePkcs11, BACKUP_KEY, OfficerSession, Pin, RESTORE_KEY, SecretUse, TokenName,
        UserSession, init_token,
    },
    profile::Profile,
};
use linker_token::{Epoch, ProjectId};
use zeroize::Zeroizing;

use self::needles::Needles;

const PROFILE: &str = include_str!("../profiles/softhsm2.toml");
const LABEL: &str = "musubi-memory";
const FOLDER: &str = "MUSUBI_TEST_FOLDER";
const TEST: &str = "nothing_stays_in_memory_of_what_was_dropped";
/// Secrets cross to the parent under this mask, so that telling them leaves no copy.
const MASK: u8 = 0xa5;

#[test]
fn nothing_stays_in_memory_of_what_was_dropped() {
    if let Some(folder) = env::var_os(FOLDER) {
        return work(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut stopped = Stopped::start(folder.path());
    stopped.wait_for("alive");
    let secrets = told(folder.path());
    assert_eq!(secrets.len(), 9, "{:?}", secrets.keys());
    let needles = Needles::of(&secrets);
    let found = needles.search(stopped.process.id());
    for name in secrets.keys() {
        let seen = found
            .iter()
            .any(|found| found.starts_with(&format!("{name} as bytes")));
        assert!(seen, "{name} is alive and must be found: {found:?}");
    }
    stopped.go_on();
    stopped.wait_for("dropped");
    let found = needles.search(stopped.process.id());
    stopped.go_on();
    assert!(stopped.process.wait().expect("ends").success());
    assert!(found.is_empty(), "left in memory: {found:#?}");
}

/// The child, which waits for a line at each stop.
struct Stopped {
    process: Child,
    told: BufReader<ChildStdout>,
    go: ChildStdin,
}

impl Stopped {
    fn start(folder: &Path) -> Self {
        let tokens = folder.join("tokens");
        fs::create_dir(&tokens).expect("a folder");
        let conf = folder.join("softhsm2.conf");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        fs::write(&conf, text).expect("writes");
        let mut process = Command::new(env::current_exe().expect("this binary"))
            .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
            .env("SOFTHSM2_CONF", conf)
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child runs");
        let told = BufReader::new(process.stdout.take().expect("piped"));
        let go = process.stdin.take().expect("piped");
        Self { process, told, go }
    }

    fn wait_for(&mut self, stop: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(&format!("stop {stop}")) {
            line.clear();
            let read = self.told.read_line(&mut line).expect("reads");
            assert!(read > 0, "the child ended before it stopped for {stop}");
        }
    }

    fn go_on(&mut self) {
        self.go.write_all(b"\n").expect("writes");
    }
}

fn stop(name: &str) {
    // Not a print, which the test harness may keep to itself.
    let mut told = std::io::stdout();
    writeln!(told, "stop {name}").expect("writes");
    told.flush().expect("writes");
    let mut line = [0];
    std::io::stdin()
        .read_exact(&mut line)
        .expect("the parent goes on");
}

/// Tells the parent a secret without leaving it anywhere.
fn tell(folder: &Path, name: &str, secret: &[u8]) {
    let mut file = File::create(folder.join(format!("{name}.secret"))).expect("writes");
    for byte in secret {
        file.write_all(&[byte ^ MASK]).expect("writes");
    }
}

fn told(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder)
        .expect("reads")
        .map(|entry| entry.expect("an entry").path());
    let secrets = entries.filter(|path| path.extension().is_some_and(|end| end == "secret"));
    secrets
        .map(|path: PathBuf| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let masked = fs::read(path).expect("reads");
            (name, masked.iter().map(|byte| byte ^ MASK).collect())
        })
        .collect()
}

fn profile() -> Profile {
    Profile::parse(PROFILE).expect("parses")
}

/// A PIN that stands in no file of the program: random digits.
fn random_pin(folder: &Path, name: &str) -> Zeroizing<String> {
    let random = Secret::random().expect("random");
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in random.expose() {
        text.push(char::from(b'a' + byte % 16));
        text.push(char::from(b'a' + byte / 16));
    }
    tell(folder, name, text.as_bytes());
    text
}

/// The appliance's five keys in the token.
fn inventory(user: &UserSession, context: &[u8]) -> Inventory {
    let secret = |name| user.generate_secret(name, SecretUse::Fixed, context);
    let keys = vec![
        secret("tmk").expect("generates"),
        secret("dkek").expect("generates"),
        secret("psk").expect("generates"),
        user.generate_rsa("aik").expect("generates"),
        user.generate_p256("ask").expect("generates"),
    ];
    Inventory {
        serial: user.facts().serial.clone(),
        label: LABEL.to_owned(),
        project: ProjectId::parse("demo").expect("a name"),
        epoch: Epoch(1),
        keys,
    }
}

/// What is alive at the first stop.
struct Alive {
    planted: Secret,
    pins: [Zeroizing<String>; 2],
    shares: Vec<Share>,
    texts: Vec<Zeroizing<String>>,
    combined: Secret,
    lek: Secret,
    data_key: Secret,
    custody: AppliancePkcs11,
}

fn work(folder: &Path) {
    let alive = make(folder);
    // Used, not only kept.
    let derived = derive_in_host(&alive.lek, Label::Receipt, b"nonce");
    let again = alive
        .custody
        .derive(DerivingKey::Dkek, Label::RowMac, b"c")
        .expect("derives");
    assert!(derived != again && alive.planted != alive.combined);
    let cipher = FrameCipher::new(&alive.data_key);
    let sealed = cipher.seal(0, true, b"file", b"text").expect("seals");
    let opened = cipher.open(0, true, b"file", &sealed).expect("opens");
    assert_eq!(**opened, *b"text");
    assert_eq!(
        (alive.pins.len(), alive.shares.len(), alive.texts.len()),
        (2, 3, 3)
    );
    stop("alive");
    drop((derived, again, cipher, alive));
    stop("dropped");
}

fn make(folder: &Path) -> Alive {
    let pins = ["officer-pin", "user-pin"].map(|name| random_pin(folder, name));
    let pin = |index: usize| Pin::new(pins[index].clone()).expect("a PIN");
    let (profile, token) = (profile(), TokenName::Label(LABEL.to_owned()));
    init_token(&profile, LABEL, &pin(0), &pin(1)).expect("initialises");
    let context = epoch_context(&ProjectId::parse("demo").expect("a name"), Epoch(1));

    // A ceremony: encoding secret, backup key, shares, blob.
    let officer = OfficerSession::open(&profile, &token, &pin(0)).expect("logs in");
    let key = officer.random().expect("random");
    tell(folder, "backup-key", key.expose());
    let in_token = officer.import_backup_key(&key).expect("imports");
    drop(officer);
    let user = UserSession::open(&profile, &token, &pin(1)).expect("logs in");
    let entry = user.generate_secret("lek", SecretUse::Delivered, &context);
    let entry = entry.expect("generates");
    let blob = user.wrap_for_backup(&in_token, &entry).expect("wraps");
    // As long as it is in the token, the module has it in memory.
    user.destroy(BACKUP_KEY, &in_token).expect("destroys");
    let names = ["a", "b", "c"].map(str::to_owned);
    let shares = backup::split(&key, 2, &names).expect("splits");
    for share in &shares {
        tell(
            folder,
            &format!("share-{}", share.index()),
            share.value().expose(),
        );
    }
    let check = backup::check_value(&key).expect("a check value");
    drop((user, key));

    // Another day: the shares are typed in, the key is combined, the secret restored and compared.
    let texts: Vec<_> = shares.iter().map(Share::to_text).collect();
    let typed: Vec<_> = texts
        .iter()
        .map(|text| Share::parse(text).expect("parses"))
        .collect();
    let commit = |share: &Share| (share.custodian().to_owned(), share.commitment());
    let commitments = typed.iter().map(commit).collect();
    let combined = backup::combine(&typed, check, &commitments).expect("combines");
    let officer = OfficerSession::open(&profile, &token, &pin(0)).expect("logs in");
    let restore = officer.import_restore_key(&combined).expect("imports");
    drop(officer);
    let user = UserSession::open(&profile, &token, &pin(1)).expect("logs in");
    let lek_check = entry.check_value().expect("a secret");
    user.restore("lek", &restore, &blob, &context, lek_check)
        .expect("restores");
    user.destroy(RESTORE_KEY, &restore).expect("destroys");
    let lek = backup::open_blob(&combined, &blob).expect("opens");
    tell(folder, "encoding-secret", lek.expose());

    // The appliance: a data key.
    let inventory = inventory(&user, &context);
    drop(user);
    let project = &inventory.project;
    let custody = AppliancePkcs11::open(&profile, token, pin(1), &inventory, project, Epoch(1));
    let custody = custody.expect("opens");
    let data_key = Secret::random().expect("random");
    tell(folder, "data-key", data_key.expose());
    let sealed = seal_data_key(&custody, b"segment", &data_key).expect("seals");
    assert!(open_data_key(&custody, b"segment", &sealed).expect("opens") == data_key);
    let planted = Secret::random().expect("random");
    tell(folder, "planted", planted.expose());
    Alive {
        planted,
        pins,
        shares: typed,
        texts,
        combined,
        lek,
        data_key,
        custody,
    }
}
