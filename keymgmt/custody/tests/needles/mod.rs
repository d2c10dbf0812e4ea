//! Searching the memory of a process for pieces of secrets.
//!
//! Every piece of sixteen bytes of every secret is searched for, as bytes, as hexadecimal and as base64:
//! an allocator writes over the head of what is freed. Tests of other packages take this file too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

const PIECE: usize = 16;

/// Pieces of secrets, by their first two bytes for speed.
pub(crate) struct Needles(BTreeMap<[u8; 2], Vec<(Vec<u8>, String)>>, Vec<bool>);

impl Needles {
    pub(crate) fn of(secrets: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut needles = Self(BTreeMap::new(), vec![false; 1 << 16]);
        for (name, secret) in secrets {
            let forms = [
                ("bytes", secret.clone()),
                ("hexadecimal", hex::encode(secret).into_bytes()),
                ("base64", STANDARD.encode(secret).into_bytes()),
            ];
            for (form, bytes) in forms {
                for (piece, bytes) in bytes.chunks_exact(PIECE).enumerate() {
                    let start = [bytes[0], bytes[1]];
                    needles.1[usize::from(u16::from_be_bytes(start))] = true;
                    let entry = (bytes.to_vec(), format!("{name} as {form}, piece {piece}"));
                    needles.0.entry(start).or_default().push(entry);
                }
            }
        }
        needles
    }

    /// What is in the memory of a process, with the mapping that holds it.
    pub(crate) fn search(&self, process: u32) -> BTreeSet<String> {
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("reads");
        let mut memory = File::open(format!("/proc/{process}/mem")).expect("opens");
        let mut found = BTreeSet::new();
        let mut searched = 0;
        for line in maps.lines() {
            let mut words = line.split_ascii_whitespace();
            let (range, rights) = (
                words.next().expect("a range"),
                words.next().expect("rights"),
            );
            let name = words.nth(3).unwrap_or("anonymous");
            // What the kernel maps for its own use cannot be read this way.
            if !rights.starts_with('r') || name.starts_with("[v") {
                continue;
            }
            let (from, to) = range.split_once('-').expect("a range");
            let number = |text| u64::from_str_radix(text, 16).expect("an address");
            let (from, to) = (number(from), number(to));
            let mut bytes = vec![0; usize::try_from(to - from).expect("fits")];
            memory.seek(SeekFrom::Start(from)).expect("seeks");
            memory
                .read_exact(&mut bytes)
                .expect("what is mapped is read");
            searched += bytes.len();
            self.search_in(&bytes, name, &mut found);
        }
        assert!(searched > 1 << 20, "a process has more than a megabyte");
        found
    }

    fn search_in(&self, bytes: &[u8], name: &str, found: &mut BTreeSet<String>) {
        for (place, start) in bytes.windows(2).enumerate() {
            let start = [start[0], start[1]];
            if self.1[usize::from(u16::from_be_bytes(start))] {
                for (piece, what) in &self.0[&start] {
                    if bytes[place..].starts_with(piece) {
                        found.insert(format!("{what}, in {name}"));
                    }
                }
            }
        }
    }
}
