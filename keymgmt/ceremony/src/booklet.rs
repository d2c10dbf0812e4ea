//! `plan`: the booklet of a ceremony, as Markdown to be printed.

use std::fmt::Write as _;

use crate::recipe::Recipe;

/// The booklet. Check boxes are ticked by hand; initials stand at the end only.
pub(crate) fn booklet(recipe: &Recipe) -> String {
    let mut text = String::new();
    head(&mut text, recipe);
    let mut step = Numbered(0);
    section(&mut text, "Before the first step");
    for line in [
        "The room is closed, the film runs, and everybody in the room is on the list of persons."
            .to_owned(),
        "The machine has no network; its image's hash was compared with the printed one."
            .to_owned(),
        format!(
            "Each custodian reads the recipe's hash from the own paper: {}",
            recipe.hash_groups()
        ),
        format!(
            "At least {} custodians confirmed that hash.",
            recipe.threshold
        ),
    ] {
        step.line(&mut text, &line);
    }
    section(&mut text, "token-init");
    for token in ["custody", "appliance"] {
        step.line(
            &mut text,
            &format!("The {token} token is initialised; serial number: ______________"),
        );
    }
    section(&mut text, "generate");
    for (key, kind) in KEYS {
        step.line(
            &mut text,
            &format!("{key} ({kind}); check value or key digest: ______________"),
        );
    }
    for custodian in &recipe.custodians {
        step.line(
            &mut text,
            &format!("{custodian} holds the own share; bag serial: ______________"),
        );
    }
    section(&mut text, "enrol-site");
    for site in &recipe.sites {
        step.line(
            &mut text,
            &format!("{site}: fingerprint read back over a second channel by ______________"),
        );
    }
    section(&mut text, "issue");
    for site in &recipe.sites {
        step.line(
            &mut text,
            &format!("{site}: package written; first digits of its SHA-256: ______________"),
        );
    }
    section(&mut text, "After the last step");
    for line in [
        "The transcript is closed and signed; its verification was shown to everybody.",
        "Tokens, PINs and shares are in their bags; the bags' serials are above.",
        "Receipts: no site is enrolled before its receipt was verified in the custody token.",
    ] {
        step.line(&mut text, line);
    }
    tail(&mut text, recipe);
    text
}

const KEYS: [(&str, &str); 8] = [
    ("CSK", "custody token, P-256 signing"),
    (
        "LEK",
        "custody token, encoding secret, leaves only wrapped to enrolled sites",
    ),
    ("BK", "backup key, exists only as shares afterwards"),
    ("TMK", "appliance token, second layer"),
    ("DKEK", "appliance token, data sealing"),
    ("PSK", "appliance token, pseudonyms"),
    ("AIK", "appliance token, RSA-3072, opens batches"),
    ("ASK", "appliance token, P-256, signs the audit log"),
];

struct Numbered(u32);

impl Numbered {
    fn line(&mut self, text: &mut String, line: &str) {
        self.0 += 1;
        append(text, format_args!("- [ ] {}. {line}\n", self.0));
    }
}

fn head(text: &mut String, recipe: &Recipe) {
    append(text, format_args!("# {}\n\n", recipe.title));
    append(
        text,
        format_args!(
            "Project {}, epoch {}, schema {}, valid for {} days.\n",
            recipe.project, recipe.epoch, recipe.schema_name, recipe.valid_days
        ),
    );
    append(
        text,
        format_args!(
            "Quorum: {} of {}.\n\n",
            recipe.threshold,
            recipe.custodians.join(", ")
        ),
    );
    append(
        text,
        format_args!(
            "This is ( ) a rehearsal ( ) a production ceremony. Place, date: ______________\n"
        ),
    );
}

fn section(text: &mut String, title: &str) {
    append(text, format_args!("\n## {title}\n\n"));
}

fn tail(text: &mut String, recipe: &Recipe) {
    section(text, "Exceptions");
    for number in 1..=3 {
        append(
            text,
            format_args!("{number}. Time, step, what happened, who decided what: ______________\n"),
        );
    }
    section(text, "Signatures");
    append(
        text,
        format_args!("I was present from the first step to the last and saw what is ticked.\n\n"),
    );
    for name in recipe
        .custodians
        .iter()
        .map(String::as_str)
        .chain(["administrator", "witness"])
    {
        append(text, format_args!("- {name}: ______________\n"));
    }
}

fn append(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line)
        .expect("writing into a string cannot fail");
}
