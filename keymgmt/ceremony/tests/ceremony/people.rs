//! The people in the room: what they hold and remember, and how they answer the terminal.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::{rig::Room, terminal::Terminal};

const ASK_HASH: &str = "groups of the recipe's hash";
const ASK_PIN: &str = "PIN of token ";
pub(crate) const ASK_GO: &str = "Enter: go on;";
const ASK_OBJECT: &str = "type exactly: ";
const ASK_ALONE: &str = "Enter: show it.";
const SHOWN: &str = "They are shown once.";
const ASK_SHARE: &str = ", alone: type your share";
const ASK_BAG: &str = "Serial of the bag of ";
const PROMPTS: [&str; 8] = [
    ASK_HASH, ASK_PIN, ASK_GO, ASK_OBJECT, ASK_ALONE, SHOWN, ASK_BAG, ASK_SHARE,
];
/// Custodians who are in the room.
const PRESENT: [&str; 2] = ["custodian-a", "custodian-c"];

/// What people remember and hold.
#[derive(Default)]
pub(crate) struct People {
    pub(crate) hash: String,
    pub(crate) sheets: BTreeMap<String, String>,
    /// Actions that were announced, with their numbers in the booklet.
    pub(crate) actions: Vec<String>,
    /// Wrong words for the next shares that are typed: which word, and what is typed instead.
    pub(crate) slips: Vec<(usize, &'static str)>,
    /// Whether the next object is confirmed by "y".
    pub(crate) hasty: bool,
}

impl People {
    /// Answers everything rightly until the program ends.
    pub(crate) fn answer(&mut self, terminal: &mut Terminal) {
        while let Some((prompt, before)) = terminal.wait(&PROMPTS) {
            // A line begins after the last line end, or where the screen was wiped.
            let line = before
                .rsplit(['\n', 'J'])
                .next()
                .unwrap_or_default()
                .to_owned();
            match PROMPTS[prompt] {
                ASK_HASH => {
                    let name = line.split(':').next().unwrap_or_default();
                    let present = PRESENT.contains(&name.trim());
                    terminal.send(if present { &self.hash } else { "" });
                }
                ASK_PIN => {
                    let token = terminal.expect(" (not shown)");
                    let login = if line.starts_with("Security") {
                        "officer"
                    } else {
                        "user"
                    };
                    let place = token.trim_start_matches("musubi-");
                    terminal.send(&format!("only-for-{place}-{login}"));
                }
                ASK_GO => {
                    self.actions.push(line.trim().to_owned());
                    terminal.send("");
                }
                ASK_OBJECT => {
                    let words = terminal.expect("\r\n");
                    let hasty = std::mem::take(&mut self.hasty);
                    terminal.send(&if hasty {
                        "y".to_owned()
                    } else {
                        words.to_lowercase()
                    });
                }
                ASK_ALONE => terminal.send(""),
                SHOWN => self.copy(terminal),
                ASK_BAG => {
                    let name = terminal.expect(", as it is read aloud");
                    // The first time it is misheard.
                    for (one, two) in [("B-1", "B-7"), (&*name, &*name)] {
                        terminal.send(one);
                        terminal.expect("a second time: ");
                        terminal.send(two);
                        if one != two {
                            terminal.expect("not the same serial");
                            terminal.expect(ASK_BAG);
                        }
                    }
                }
                _ => {
                    let sheet = self.sheets.get(line.trim()).expect("a sheet");
                    let mut words: Vec<&str> = sheet.split(' ').collect();
                    if let Some((at, wrong)) = self.slips.pop() {
                        // One sheet in two thousand has this very word there.
                        words[at] = if words[at] == wrong { "able" } else { wrong };
                    }
                    terminal.send(&words.join(" "));
                }
            }
        }
    }

    /// Copies the words of the screen onto the sheet.
    fn copy(&mut self, terminal: &mut Terminal) {
        let (_, name) = terminal.seen.rsplit_once("Share of ").expect("whose");
        let name = name.split(':').next().expect("a name").to_owned();
        let screen = terminal.expect("Enter: written down");
        let words: Vec<_> = screen
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .collect();
        assert_eq!(words.len(), 24, "{screen}");
        self.sheets.insert(name, words.join(" "));
        terminal.send("");
    }

    /// Runs a recipe on the terminal.
    pub(crate) fn run(&mut self, room: &Room, recipe: &str) -> (String, i32) {
        self.hash = first_groups(&room.bytes(recipe));
        self.verb(room, &["run", "--recipe", recipe])
    }

    pub(crate) fn verb(&mut self, room: &Room, verb: &[&str]) -> (String, i32) {
        let place = ["--environment", "environment.toml", "--out", "out"];
        let language = ["--language", "en"];
        let mut terminal = Terminal::start(room, &[verb, &place, &language].concat());
        self.answer(&mut terminal);
        terminal.end()
    }
}

pub(crate) fn first_groups(recipe: &[u8]) -> String {
    let hash = hex::encode(Sha256::digest(recipe));
    let groups: Vec<_> = (0..4).map(|at| &hash[4 * at..4 * at + 4]).collect();
    groups.join(" ")
}
