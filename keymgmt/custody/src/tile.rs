//! The audit log as static files (C2SP tlog-tiles): which files there are, where they lie, what is in them.
//!
//! A hash tile is 256 hashes of one level of the tree, 8 levels apart; an entry bundle is the 256 entries
//! under one tile of level 0, each behind its length. Whoever has the files and the checkpoint needs no
//! service: any client of the specification reads and proves them.

use crate::{
    audit::Hash,
    error::CustodyError,
    limits::{ENTRY_BYTES_MAX, TILE_PATH_BYTES_MAX},
    note::parse_number,
};

/// Levels of the tree between the levels of tiles (fixed by the specification).
pub const TILE_HEIGHT: u8 = 8;
/// Hashes or entries of a whole tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;
/// Path of the signed checkpoint.
pub const CHECKPOINT_PATH: &str = "checkpoint";
/// Levels of tiles that a log of 2^64 entries has.
const LEVELS: u8 = 8;

/// One file of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Level of hashes; nothing for a bundle of entries, which lies under level 0.
    pub level: Option<u8>,
    /// Number within its level.
    pub index: u64,
    /// Hashes or entries in it, 1 to 256; 256 is a whole tile.
    pub width: u16,
}

impl Tile {
    /// Every file of a log of `size` entries, bundles first, then levels from below.
    #[must_use]
    pub fn all(size: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        for level in [None].into_iter().chain((0..LEVELS).map(Some)) {
            let count = hashes_at(size, level.unwrap_or(0));
            let whole = count / TILE_WIDTH;
            tiles.extend((0..whole).map(|index| Self::new(level, index, TILE_WIDTH)));
            if !count.is_multiple_of(TILE_WIDTH) {
                tiles.push(Self::new(level, whole, count % TILE_WIDTH));
            }
        }
        tiles
    }

    fn new(level: Option<u8>, index: u64, width: u64) -> Self {
        let width = u16::try_from(width).expect("a tile is at most 256 wide");
        Self {
            level,
            index,
            width,
        }
    }

    /// Number of its first hash or entry within the level.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.index.saturating_mul(TILE_WIDTH)
    }

    /// Whether a log of `size` entries has it, whole or as far as it goes.
    #[must_use]
    pub fn is_in(&self, size: u64) -> bool {
        let end = self.first().checked_add(u64::from(self.width));
        end.is_some_and(|end| end <= hashes_at(size, self.level.unwrap_or(0)))
    }

    /// `tile/<level>/<number>[.p/<width>]`, where bundles have `entries` for a level. The number is cut into
    /// groups of three digits, so that no folder holds more than some thousand names.
    #[must_use]
    pub fn path(&self) -> String {
        let level = self
            .level
            .map_or_else(|| "entries".to_owned(), |level| level.to_string());
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        if u64::from(self.width) == TILE_WIDTH {
            format!("tile/{level}/{number}")
        } else {
            format!("tile/{level}/{number}.p/{}", self.width)
        }
    }

    /// Reads what [`Self::path`] writes, and nothing else.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        if path.len() > TILE_PATH_BYTES_MAX {
            return None;
        }
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = match level {
            "entries" => None,
            level => Some(parse_number::<u8>(level).filter(|level| *level < LEVELS)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, parse_number::<u16>(width)?),
            None => (rest, 256),
        };
        let index = number.split('/').try_fold(0_u64, |index, group| {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let good = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
            let group = digits.parse::<u64>().ok().filter(|_| good)?;
            index.checked_mul(1000)?.checked_add(group)
        })?;
        let tile = Self {
            level,
            index,
            width,
        };
        let wide = (1..=256).contains(&width);
        (wide && tile.path() == path).then_some(tile)
    }
}

/// Hashes of one level of tiles: one per complete subtree of 256^level entries.
#[must_use]
pub fn hashes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))
        .unwrap_or(0)
}

/// The bytes of a bundle: each entry behind its length in two bytes, big-endian.
///
/// # Errors
/// [`CustodyError::TooLarge`] for an entry that has no place in a bundle.
pub fn bundle(entries: impl IntoIterator<Item: AsRef<[u8]>>) -> Result<Vec<u8>, CustodyError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len())
            .ok()
            .filter(|_| entry.len() <= ENTRY_BYTES_MAX);
        let length = length.ok_or(CustodyError::TooLarge {
            what: "an audit entry",
            limit: ENTRY_BYTES_MAX,
        })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle, as far as they are whole, and whether nothing is left behind them.
#[must_use]
pub fn open_bundle(bytes: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((entry, behind)) = behind.split_at_checked(length) else {
            return (entries, false);
        };
        entries.push(entry);
        rest = behind;
    }
    (entries, rest.is_empty())
}

/// The hashes of a tile; nothing if it has not this many.
#[must_use]
pub fn open_hashes(bytes: &[u8], width: u16) -> Option<&[Hash]> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() == usize::from(width)).then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for (level, index, width, path) in [
            (Some(0), 0, 256, "tile/0/000"),
            (Some(0), 0, 1, "tile/0/000.p/1"),
            (Some(3), 1_234_067, 256, "tile/3/x001/x234/067"),
            (None, 999, 255, "tile/entries/999.p/255"),
            (None, 1_000, 256, "tile/entries/x001/000"),
        ] {
            let tile = Tile {
                level,
                index,
                width,
            };
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        for bad in [
            "tile/0/0",
            "tile/0/0000",
            "tile/8/000",
            "tile/00/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/01",
            "tile/0/../000",
            "tile/data/000",
            "checkpoint",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Tile::parse(bad), None, "{bad}");
        }
        let long = format!("tile/0/{}000", "x001/".repeat(20));
        assert!(long.len() > TILE_PATH_BYTES_MAX);
        assert_eq!(Tile::parse(&long), None);
    }

    #[test]
    fn a_log_has_the_tiles_that_its_size_says() {
        assert_eq!(Tile::all(0), []);
        let paths = |size| -> Vec<String> { Tile::all(size).iter().map(Tile::path).collect() };
        assert_eq!(paths(1), ["tile/entries/000.p/1", "tile/0/000.p/1"]);
        assert_eq!(
            paths(256),
            ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
        );
        assert_eq!(
            paths(70_000)
                .iter()
                .filter(|path| path.contains(".p/") || path.starts_with("tile/2"))
                .map(String::as_str)
                .collect::<Vec<_>>(),
            [
                "tile/entries/273.p/112",
                "tile/0/273.p/112",
                "tile/1/001.p/17",
                "tile/2/000.p/1"
            ]
        );
        for size in [1, 255, 256, 257, 65_536, 70_000] {
            assert!(Tile::all(size).iter().all(|tile| tile.is_in(size)));
            assert!(!Tile::all(size).iter().all(|tile| tile.is_in(size - 1)));
        }
        let far = Tile {
            level: Some(0),
            index: u64::MAX,
            width: 256,
        };
        assert!(!far.is_in(u64::MAX));
    }

    #[test]
    fn bundles_are_read_as_they_were_written() {
        let entries: [&[u8]; 3] = [b"one", b"", &[7; ENTRY_BYTES_MAX]];
        let bytes = bundle(entries).expect("they fit");
        assert_eq!(open_bundle(&bytes), (entries.to_vec(), true));
        assert_eq!(open_bundle(&bytes[..4]), (vec![], false));
        assert_eq!(open_bundle(&bytes[..6]), (vec![&b"one"[..]], false));
        let long = vec![0; ENTRY_BYTES_MAX + 1];
        let refused = bundle([&long[..]]).expect_err("one past");
        assert_eq!(refused.code(), "TOO_LARGE");
        assert_eq!(open_hashes(&[1; 64], 2), Some(&[[1; 32]; 2][..]));
        assert_eq!(open_hashes(&[1; 64], 1), None);
        assert_eq!(open_hashes(&[1; 65], 2), None);
    }
}
