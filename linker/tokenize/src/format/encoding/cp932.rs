//! Characters of CP932 by their bytes, from a table that its decoder fills once.

use std::sync::LazyLock;

use encoding_rs::SHIFT_JIS;

/// Second bytes: 0x40 to 0xfc, one of which is never used.
const TRAILS: usize = 0xfc - 0x40 + 1;

/// Two-byte characters by their bytes; 0 where there is none. All lie in the basic plane.
pub(crate) struct Pairs(Vec<u16>);

impl Pairs {
    /// The table; made at its first use.
    pub(crate) fn get() -> &'static Self {
        static PAIRS: LazyLock<Pairs> = LazyLock::new(|| {
            let leads = (0x81..=0x9f_u8).chain(0xe0..=0xfc);
            let pairs = leads.flat_map(|lead| (0x40..=0xfc_u8).map(move |trail| [lead, trail]));
            Pairs(pairs.map(|pair| whole(&pair).unwrap_or(0)).collect())
        });
        &PAIRS
    }

    /// The character of a first byte's place and a second byte; 0 if there is none.
    pub(crate) fn of(&self, lead: usize, trail: u8) -> u16 {
        Self::place(lead, trail).map_or(0, |place| self.0[place])
    }

    /// All of them, by their [`Pairs::place`].
    pub(crate) fn all(&self) -> &[u16] {
        &self.0
    }

    /// The place of a first byte's place and a second byte; `None` if that can be no second byte.
    pub(crate) fn place(lead: usize, trail: u8) -> Option<usize> {
        let trail = usize::from(trail.checked_sub(0x40)?);
        (trail < TRAILS).then_some(lead * TRAILS + trail)
    }
}

/// The place of a first byte, counted without the gap; `None` if it is none.
pub(crate) fn lead(byte: u8) -> Option<usize> {
    match byte {
        0x81..=0x9f => Some(usize::from(byte - 0x81)),
        0xe0..=0xfc => Some(usize::from(byte - 0xe0) + 31),
        _ => None,
    }
}

fn whole(pair: &[u8]) -> Option<u16> {
    let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(pair)?;
    let mut units = text.encode_utf16();
    let unit = units.next()?;
    units.next().is_none().then_some(unit)
}
