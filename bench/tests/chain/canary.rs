//! People with marked names, numbers and addresses go through the whole chain. Then every file that any
//! process wrote outside the sites' own source and look-up is searched for the marks.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
};

use bench::{
    demo::{self, folder::Folder, process::Crew, server},
    errors::Preset,
    sites::Site,
};
use encoding_rs::{ISO_2022_JP, SHIFT_JIS};
use serde_json::Value;

use crate::rig::programs;

/// What must not be found, with the reason why it is a mark.
struct Mark {
    name: &'static str,
    bytes: Vec<u8>,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

/// The marks of a text: as written in each encoding of the sites, and in hexadecimal.
fn marks_of(name: &'static str, text: &str, marks: &mut Vec<Mark>) {
    let utf8 = text.as_bytes().to_vec();
    let (cp932, ..) = SHIFT_JIS.encode(text);
    let (jis, ..) = ISO_2022_JP.encode(text);
    for bytes in [
        utf8.clone(),
        cp932.into_owned(),
        jis.into_owned(),
        hex::encode(utf8).into_bytes(),
    ] {
        marks.push(Mark { name, bytes });
    }
}

/// All marks by their first four bytes, so that one pass over a file looks for all of them.
struct Search<'a>(HashMap<[u8; 4], Vec<&'a Mark>>);

impl<'a> Search<'a> {
    fn new(marks: &'a [Mark]) -> Self {
        let mut starts: HashMap<[u8; 4], Vec<&Mark>> = HashMap::new();
        for mark in marks {
            starts
                .entry(*mark.bytes.first_chunk().unwrap())
                .or_default()
                .push(mark);
        }
        Self(starts)
    }

    /// Kinds of marks in these bytes.
    fn kinds(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        let mut kinds = BTreeSet::new();
        for (at, start) in bytes.windows(4).enumerate() {
            for mark in self.0.get(start).into_iter().flatten() {
                if bytes[at..].starts_with(&mark.bytes) {
                    kinds.insert(mark.name);
                }
            }
        }
        kinds
    }
}

/// One page of the admin listener.
fn page(admin: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(admin).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    reply
}

/// Identifiers of the town's residents, taken from its own file: long enough not to occur by chance.
fn marks(folder: &Folder) -> Vec<Mark> {
    let bytes = fs::read(folder.site(Site::Town).join("residents.csv")).unwrap();
    let (text, ..) = SHIFT_JIS.decode(&bytes);
    let mut marks = Vec::new();
    for line in text.lines().skip(1).step_by(7) {
        for cell in line
            .split(',')
            .filter(|cell| !cell.is_ascii() && cell.chars().count() >= 5)
        {
            marks_of("a name or an address", cell.trim_matches('"'), &mut marks);
        }
    }
    assert!(marks.len() > 400, "{} marks", marks.len());
    // Record references leave the site sealed, and stand in the clear in exported tables and the crosswalk only.
    let lookup = fs::read_to_string(folder.table(Site::Town)).unwrap();
    let mut references = 0;
    for line in lookup.lines().step_by(7) {
        let Some((Ok(reference), _)) = line.split_once(',').map(|(r, rest)| (hex::decode(r), rest))
        else {
            continue;
        };
        marks.push(Mark {
            name: "a record reference",
            bytes: hex::encode(&reference).into_bytes(),
        });
        marks.push(Mark {
            name: "a raw record reference",
            bytes: reference,
        });
        references += 1;
    }
    assert!(references > 20, "{references} references");
    marks
}

/// Files that hold what they are for: the sites' sources and exported linkage tables, the truth, and the crosswalk.
fn may_hold(folder: &Folder, file: &Path) -> bool {
    let of_site = Site::ALL.iter().any(|&site| {
        let at = folder.site(site);
        file.starts_with(at.join("ssmix2"))
            || file.starts_with(at.join("claims"))
            || file == at.join("residents.csv")
            || file == folder.table(site)
    });
    of_site || file == folder.truth() || file.starts_with(folder.results())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_identifier_or_reference_is_written_outside_its_place() {
    let outer = tempfile::tempdir().unwrap();
    let options = demo::Options {
        people: 600,
        seed: 3,
        preset: Preset::TypicalHospital,
        serve: false,
        folder: outer.path().join("demo"),
        programs: programs().clone(),
    };
    let summary: Value = Box::pin(demo::run(&options)).await.unwrap();
    let folder = Folder::of_a_demo(&options.folder).unwrap();
    let marks = marks(&folder);
    let search = Search::new(&marks);

    let mut all = Vec::new();
    files(folder.path(), &mut all);
    let searched: Vec<&PathBuf> = all.iter().filter(|file| !may_hold(&folder, file)).collect();
    assert!(searched.len() > 40, "{} files are searched", searched.len());
    let found: Vec<String> = searched
        .iter()
        .flat_map(|file| {
            let kinds = search.kinds(&fs::read(file).unwrap());
            kinds
                .into_iter()
                .map(|kind| format!("{kind} in {}", file.display()))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(
        search.kinds(summary.to_string().as_bytes()).is_empty(),
        "the summary is clean"
    );

    // What the running appliance shows.
    let mut crew = Crew::new(folder.logs());
    crew.set("SOFTHSM2_CONF", &folder.softhsm_conf());
    let mut server = server::start(&crew, programs(), &folder).await.unwrap();
    for path in ["/metrics", "/", "/?lang=en", "/ready"] {
        let shown = page(&server.ports().admin, path);
        assert!(search.kinds(shown.as_bytes()).is_empty(), "{path} is clean");
    }
    server.stop().await.unwrap();

    // The search finds what is there: every kind of mark stands in the files that may hold it.
    for (file, kind) in [
        ("residents.csv", "a name or an address"),
        ("table.csv", "a record reference"),
    ] {
        let bytes = fs::read(folder.site(Site::Town).join(file)).unwrap();
        assert!(
            search.kinds(&bytes).contains(kind),
            "{kind} is found where it belongs"
        );
    }
}
