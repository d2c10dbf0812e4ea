//! The shipped table, looked up without looking at all of it.

mod text;

use std::sync::{LazyLock, OnceLock};

pub(super) use self::text::inflated;
use self::text::{Extent, Municipality, Row, lines, number};
use crate::normalize::address;

/// Codes with the same first three digits.
const CODES_PER_PREFIX: u32 = 10_000;
const PREFIXES: usize = 1000;
/// Groups of the hashes of municipalities, of which there are about as many.
const NAME_BUCKETS: usize = 2048;
/// Characters in which the name of a municipality must end; the longest has eleven.
const NAME_CHARS_MAX: usize = 12;

/// A municipality with what is looked up of it.
struct Known {
    municipality: Municipality,
    rows: Vec<u32>,
    /// Made when first asked for.
    sections: OnceLock<Sections>,
}

/// Sections of one municipality in normal form with the code that each of them has alone, or none, in the
/// order of their hashes.
struct Sections {
    hashes: Vec<u64>,
    all: Vec<(String, Option<u32>)>,
}

pub(super) struct Table {
    text: String,
    municipalities: Vec<Known>,
    /// Municipalities by the hashes of their names.
    by_name: Vec<(u64, u16)>,
    /// Where the hashes with the same highest bits begin.
    names: Vec<u16>,
    /// In the order of codes.
    rows: Vec<Row>,
    /// The last four digits of the codes.
    suffixes: Vec<u16>,
    /// Where the codes with the same first three digits begin.
    starts: Vec<u32>,
}

/// Rows of one code.
pub(super) struct Places<'t> {
    table: &'t Table,
    rows: &'t [Row],
}

/// One of them.
pub(super) struct Place<'t> {
    table: &'t Table,
    row: &'t Row,
}

pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(inflated()));
    &TABLE
}

impl Table {
    fn read(text: String) -> Self {
        let (municipalities, mut rows) = lines(&text);
        let known = |municipality| Known {
            municipality,
            rows: Vec::new(),
            sections: OnceLock::new(),
        };
        let mut municipalities: Vec<Known> = municipalities.into_iter().map(known).collect();
        rows.sort_by_key(|row| row.code);
        for (at, row) in rows.iter().enumerate() {
            let rows = &mut municipalities[usize::from(row.municipality)].rows;
            rows.push(number(at));
        }
        let named = municipalities.iter().zip(0..);
        let mut by_name: Vec<(u64, u16)> = named
            .map(|(at, index)| (hash(&at.municipality.name), index))
            .collect();
        by_name.sort_unstable();
        let buckets = by_name.iter().map(|(hash, _)| bucket(*hash));
        let codes = rows.iter().map(|row| row.code);
        Self {
            names: starts(buckets, NAME_BUCKETS),
            by_name,
            suffixes: codes
                .clone()
                .map(|code| number(code % CODES_PER_PREFIX))
                .collect(),
            starts: starts(
                codes.map(|code| (code / CODES_PER_PREFIX) as usize),
                PREFIXES,
            ),
            text,
            municipalities,
            rows,
        }
    }

    /// The rows of a code of at most seven digits.
    pub(super) fn places(&self, code: u32) -> Places<'_> {
        let prefix = (code / CODES_PER_PREFIX) as usize;
        let start = |at: usize| self.starts.get(at).map_or(0, |&start| start as usize);
        let range = start(prefix)..start(prefix + 1);
        let suffixes = self.suffixes.get(range.clone()).unwrap_or_default();
        let suffix = number(code % CODES_PER_PREFIX);
        let first = suffixes.partition_point(|&at| at < suffix);
        let count = suffixes[first..]
            .iter()
            .take_while(|&&at| at == suffix)
            .count();
        let first = range.start + first;
        Places {
            table: self,
            rows: &self.rows[first..first + count],
        }
    }

    /// The one code that a town with its municipality, in normal form, has in the whole country.
    pub(super) fn code_of(&self, town: &str) -> Option<u32> {
        let mut found = None;
        for (name, section) in splits(town) {
            for known in self.named(name) {
                let Some(code) = self.sections(known).code_of(section) else {
                    continue;
                };
                // One of its codes, or another municipality's of the same name, would be a guess.
                let code = code?;
                if found.is_some_and(|found| found != code) {
                    return None;
                }
                found = Some(code);
            }
        }
        found
    }

    /// The length of the longest municipality that a town begins with.
    pub(super) fn municipality_of(&self, town: &str) -> Option<usize> {
        let names = splits(town).map(|(name, _)| name);
        let known = names.filter(|name| self.named(name).next().is_some());
        known.map(str::len).max()
    }

    /// The municipalities of a name.
    fn named(&self, name: &str) -> impl Iterator<Item = &Known> {
        let bucket = bucket(hash(name));
        let range = usize::from(self.names[bucket])..usize::from(self.names[bucket + 1]);
        let all = self.by_name[range].iter();
        all.map(|&(_, at)| &self.municipalities[usize::from(at)])
            .filter(move |known| known.municipality.name == name)
    }

    fn sections<'m>(&self, known: &'m Known) -> &'m Sections {
        known.sections.get_or_init(|| {
            let rows = known.rows.iter().map(|&at| &self.rows[at as usize]);
            let rows = rows.filter(|row| row.extent != Extent::Building);
            Sections::of(rows.filter_map(|row| {
                let section = Place { table: self, row }.section()?;
                let code = (row.extent == Extent::Whole).then_some(row.code);
                (!section.is_empty()).then_some((section, code))
            }))
        })
    }
}

impl Sections {
    fn of(all: impl Iterator<Item = (String, Option<u32>)>) -> Self {
        let mut all: Vec<(u64, String, Option<u32>)> = all
            .map(|(section, code)| (hash(&section), section, code))
            .collect();
        all.sort_unstable();
        // A section with two codes has none of its own.
        all.dedup_by(|(_, section, code), (_, kept, kept_code)| {
            let same = section == kept;
            if same && code != kept_code {
                *kept_code = None;
            }
            same
        });
        Self {
            hashes: all.iter().map(|(hash, _, _)| *hash).collect(),
            all: all
                .into_iter()
                .map(|(_, section, code)| (section, code))
                .collect(),
        }
    }

    /// `None`: there is no such section. `Some(None)`: it has several codes.
    fn code_of(&self, section: &str) -> Option<Option<u32>> {
        let hash = hash(section);
        let first = self.hashes.partition_point(|&at| at < hash);
        let same = self.hashes[first..]
            .iter()
            .take_while(|&&at| at == hash)
            .count();
        let mut known = self.all[first..first + same].iter();
        known
            .find(|(known, _)| known == section)
            .map(|(_, code)| *code)
    }
}

impl<'t> Places<'t> {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Place<'t>> {
        let table = self.table;
        self.rows.iter().map(move |row| Place { table, row })
    }

    /// The town with its municipality in normal form, if the code is that of one town alone.
    pub(super) fn only_town(&self) -> Option<String> {
        let mut places = self.iter();
        let (one, None) = (places.next()?, places.next()) else {
            return None;
        };
        (!one.written().is_empty()).then(|| one.whole())
    }
}

impl<'t> Place<'t> {
    pub(super) fn prefecture(&self) -> &'static str {
        self.of().prefecture
    }

    /// The municipality in normal form.
    pub(super) fn municipality(&self) -> &'t str {
        &self.of().name
    }

    /// Whether a text in normal form begins with the town, without its municipality.
    pub(super) fn begins(&self, text: &str) -> bool {
        let written = self.written();
        // What stands in a normal form as the table writes it is in normal form.
        !written.is_empty()
            && (text.starts_with(written)
                || self.section().is_some_and(|section| {
                    !section.is_empty() && text.starts_with(section.as_str())
                }))
    }

    /// The town without its municipality in normal form.
    fn section(&self) -> Option<String> {
        let whole = self.whole();
        whole.strip_prefix(self.municipality()).map(str::to_owned)
    }

    /// What the rules for addresses make of municipality and town: a character at the seam may depend on
    /// both.
    fn whole(&self) -> String {
        address::parse(&format!("{}{}", self.of().written, self.written())).town
    }

    /// The town as the table writes it.
    fn written(&self) -> &'t str {
        let range = self.row.start as usize..self.row.end as usize;
        self.table.text.get(range).unwrap_or_default()
    }

    fn of(&self) -> &'t Municipality {
        &self.table.municipalities[usize::from(self.row.municipality)].municipality
    }
}

/// Where the members of each of `count` groups begin, and where the last ends; groups come in order.
fn starts<T: TryFrom<usize>>(groups: impl Iterator<Item = usize>, count: usize) -> Vec<T> {
    let mut sizes = vec![0_usize; count + 1];
    for group in groups {
        sizes[group + 1] += 1;
    }
    let mut sum = 0;
    let sums = sizes.iter().map(|size| {
        sum += size;
        number(sum)
    });
    sums.collect()
}

/// A hash that is the same everywhere and always, eight bytes at a time. Nothing depends on its quality but
/// speed: what it finds is compared.
fn hash(text: &str) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]);
    words.fold(STEP, |hash, word| {
        (hash ^ u64::from_le_bytes(*word))
            .wrapping_mul(STEP)
            .rotate_left(29)
    })
}

/// The highest bits of a hash.
fn bucket(hash: u64) -> usize {
    usize::try_from(hash >> (u64::BITS - NAME_BUCKETS.ilog2())).unwrap_or(0)
}

/// Every way to read the beginning of a town as a municipality.
fn splits(town: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = town.char_indices().take(NAME_CHARS_MAX);
    let ends = ends.filter(|(_, c)| matches!(c, '市' | '区' | '町' | '村'));
    ends.filter_map(|(at, c)| town.split_at_checked(at + c.len_utf8()))
}
