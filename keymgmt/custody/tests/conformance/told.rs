//! What the library writes: nothing secret.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::{
    Custody as _, Secret, backup,
    hierarchy::{DerivingKey, Label},
};

use crate::{
    keys::delivered,
    rig::{LABEL, OFFICER_PIN, Rig, USER_PIN, context, pin},
};

/// Everything that the library writes: as text of its types and errors, and as events.
pub(crate) fn nothing_secret_is_printed(rig: &Rig) {
    let events = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&events);
    tracing::subscriber::set_global_default(Events(told)).expect("the only one");

    let inventory = rig.appliance_token();
    let officer = rig.officer();
    let key = officer.random().expect("random");
    let backup = officer.import_backup_key(&key).expect("imports");
    let restore = officer.import_restore_key(&key).expect("imports");
    let mut text = format!("{officer:?} {key:?} {:?}", pin(OFFICER_PIN));
    drop(officer);
    let user = rig.user();
    let lek = delivered(&user);
    let mut blob = user.wrap_for_backup(&backup, &lek).expect("wraps");
    let secret = backup::open_blob(&key, &blob).expect("opens");
    let shares = backup::split(&key, 2, &["a".to_owned(), "b".to_owned()]).expect("splits");
    let custody = rig.open(&inventory).expect("opens");
    let derived = custody.derive(DerivingKey::Dkek, Label::RowMac, b"c");
    let derived = derived.expect("derives");
    write!(
        text,
        "{user:?} {secret:?} {shares:?} {custody:?} {derived:?}"
    )
    .expect("writes");
    blob[20] ^= 1;
    let check = lek.check_value().expect("a secret");
    let damaged = user.restore("lek", &restore, &blob, &context(), check);
    let mut failures = vec![damaged.expect_err("damaged")];
    failures.extend(user.wrap_for_backup(&restore, &lek).err());
    failures.extend(backup::verify_share(&shares[0], &[0; 32]).err());
    // A login belongs to the process: a PIN is looked at only when nobody is logged in.
    drop((user, custody));
    failures.extend(rig.open_with(&inventory, "secret-but-wrong").err());
    assert_eq!(failures.len(), 4);
    for failure in &failures {
        write!(text, "{failure} {failure:?} {}", failure.advice()).expect("writes");
    }
    text.push_str(&events.lock().expect("not poisoned"));
    assert!(
        text.contains(LABEL) && text.contains("Secret(..)"),
        "something is told"
    );

    for pin in [OFFICER_PIN, USER_PIN, "secret-but-wrong"] {
        assert!(!text.contains(pin), "a PIN is told");
    }
    let values = shares.iter().map(backup::Share::value);
    for secret in values.chain([&key, &secret, &derived]) {
        for form in forms(secret) {
            assert!(!text.contains(&form), "a key is told");
        }
    }
}

fn forms(secret: &Secret) -> [String; 3] {
    let bytes = secret.expose();
    let list = format!("{bytes:?}");
    let inside = list.trim_matches(['[', ']']).to_owned();
    [hex::encode(bytes), STANDARD.encode(bytes), inside]
}

/// Gathers what is logged.
struct Events(Arc<Mutex<String>>);

impl tracing::Subscriber for Events {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                let mut text = self.0.lock().expect("not poisoned");
                write!(text, "{field}={value:?} ").expect("writes");
            },
        );
    }
    fn enter(&self, _span: &tracing::span::Id) {}
    fn exit(&self, _span: &tracing::span::Id) {}
}
