//! To be replaced by `Share::{set, index, threshold, shares, value}` of keymgmt-custody.
//!
//! The parts of a share, read from its text form.

use keymgmt_custody::{Secret, backup::Share};
use zeroize::Zeroizing;

use crate::error::CeremonyError;

pub(super) struct Parts {
    pub(super) set: String,
    pub(super) index: String,
    pub(super) threshold: String,
    pub(super) shares: String,
    pub(super) value: Secret,
}

impl Parts {
    pub(super) fn of(share: &Share) -> Result<Self, CeremonyError> {
        let text = share.to_text();
        Self::read(&text).ok_or(CeremonyError::Print {
            rule: "a share's text has another form",
        })
    }

    fn read(text: &str) -> Option<Self> {
        let line = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        };
        let mut value = Zeroizing::new([0; 32]);
        hex::decode_to_slice(line("share")?, &mut *value).ok()?;
        Some(Self {
            set: line("set")?.to_owned(),
            index: line("index")?.to_owned(),
            threshold: line("threshold")?.to_owned(),
            shares: line("shares")?.to_owned(),
            value: Secret::take(&mut value),
        })
    }
}
