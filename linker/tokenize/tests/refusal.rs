//! My Number and the residence code: columns of them always stop a file, other numbers nearly never do, and
//! nothing lets a file pass that was stopped.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first thing that is not as it should be"
)]

use std::{fs, path::Path};

use linker_tokenize::{CsvMapping, ReadError, Screen, format::csv};
use proptest::prelude::*;

/// The check digit as the ordinance says it, written apart from the program's: weights by place from the left.
fn check_digit(body: &[u8]) -> u8 {
    let weights = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let weights = &weights[weights.len() - body.len()..];
    let sum: u32 = body
        .iter()
        .zip(weights)
        .map(|(&digit, weight)| u32::from(digit) * weight)
        .sum();
    match sum % 11 {
        0 | 1 => 0,
        rest => u8::try_from(11 - rest).unwrap(),
    }
}

/// A number of persons of this many digits.
fn valid(body: &[u8], digits: usize) -> String {
    let body = &body[..digits - 1];
    let all = body
        .iter()
        .chain([&check_digit(body)])
        .copied()
        .collect::<Vec<u8>>();
    all.iter().map(|digit| char::from(digit + b'0')).collect()
}

#[derive(Debug, Clone, Copy)]
enum Spelling {
    Plain,
    Hyphens,
    Blanks,
    Wide,
    WideHyphens,
}

fn spelled(number: &str, spelling: Spelling) -> String {
    let wide = |text: &str| -> String {
        text.chars()
            .map(|c| char::from_u32(u32::from(c) - u32::from('0') + u32::from('０')).unwrap())
            .collect()
    };
    let thirds = |between: &str| {
        format!(
            "{}{between}{}{between}{}",
            &number[..4],
            &number[4..8],
            &number[8..]
        )
    };
    match spelling {
        Spelling::Plain => number.to_owned(),
        Spelling::Hyphens => thirds("-"),
        Spelling::Blanks => thirds(" "),
        Spelling::Wide => wide(number),
        Spelling::WideHyphens => format!("{}－{}", wide(&number[..4]), wide(&number[4..])),
    }
}

fn mapping() -> CsvMapping {
    CsvMapping::parse(
        "[[column]]\nheader=\"id\"\nfield=\"record-id\"\n[[column]]\nheader=\"kana\"\nfield=\"kana-name\"\n",
    )
    .unwrap()
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    // Of people, so no body is one digit alone and none comes twice in a row.
    prop::collection::vec(prop::collection::vec(0_u8..10, 11), 24..60).prop_filter(
        "people differ",
        |bodies| {
            bodies.windows(2).all(|pair| pair[0] != pair[1])
                && bodies
                    .iter()
                    .all(|body| body[..10].windows(2).any(|pair| pair[0] != pair[1]))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Wherever the column stands, mapped or not, and however its values are written.
    #[test]
    fn a_column_of_forbidden_numbers_always_stops_the_file(
        bodies in bodies(),
        digits in 11_usize..=12,
        spelling in prop::sample::select(vec![
            Spelling::Plain, Spelling::Hyphens, Spelling::Blanks, Spelling::Wide, Spelling::WideHyphens,
        ]),
        place in 0_usize..4,
        cp932 in any::<bool>(),
        blanks in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut text = "id,kana,tel,note\n".to_owned();
        let mut numbers = Vec::new();
        for (row, body) in bodies.iter().enumerate() {
            let number = valid(body, digits);
            let mut fields = [format!("{row:08}"), "ヤマ".to_owned(), format!("090{row:08}"), "なし".to_owned()];
            // Some have none.
            fields[place] = if !blanks[row] || row < 12 {
                spelled(&number, spelling)
            } else if place == 0 {
                format!("{row:08}")
            } else {
                String::new()
            };
            text += &format!("{}\n", fields.join(","));
            numbers.push(number);
        }
        let bytes = if cp932 { encoding_rs::SHIFT_JIS.encode(&text).0.into_owned() } else { text.into_bytes() };
        let mut delivered = 0;
        let error = csv::read(&mapping(), &bytes, &mut |_, _| delivered += 1);
        let Err(ReadError::Refused(refusal)) = error else {
            return Err(TestCaseError::fail(format!("{error:?}")));
        };
        prop_assert_eq!(delivered, 0);
        prop_assert_eq!(refusal.column(), format!("column {}", place + 1));
        let said = format!("{refusal} {refusal:?}");
        prop_assert!(numbers.iter().all(|number| !said.contains(&number[..8])));
    }
}

/// Numbers without any pattern, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap()))
            .collect()
    }
}

type Column = fn(&mut Dice, u64) -> String;

/// Columns of eleven or twelve digits that are nobody's My Number: the number of the row is given too.
const OTHERS: [(&str, Column); 9] = [
    ("mobile telephone", |dice, _| {
        format!("0{}0{}", 7 + dice.below(3), dice.digits(8))
    }),
    ("telephone with blanks", |dice, _| {
        format!("0{} {} {}", dice.digits(2), dice.digits(4), dice.digits(4))
    }),
    ("patient number, one after another", |_, row| {
        format!("{:012}", 100_000 + row)
    }),
    ("patient number with a year", |_, row| {
        format!("2024{row:08}")
    }),
    ("patient number, any", |dice, _| dice.digits(12)),
    ("insured number of eleven digits", |dice, _| dice.digits(11)),
    ("insurer and number", |dice, _| {
        format!("0613{}", dice.digits(8))
    }),
    ("time of entry", |dice, row| {
        format!(
            "2024{:02}{:02}{:02}00",
            1 + row / 28 % 12,
            1 + row % 28,
            8 + dice.below(9)
        )
    }),
    ("number that ends with zero", |dice, _| {
        format!("{}0", dice.digits(11))
    }),
];

/// How often chance stops a file. Said in `README.md`.
#[test]
fn other_numbers_nearly_never_stop_a_file() {
    const COLUMNS: usize = 4000;
    const ROWS: [u64; 13] = [8, 9, 10, 11, 12, 16, 17, 20, 33, 64, 100, 300, 1000];
    let mut dice = Dice(1);
    let (mut refused, mut judged) = (0, 0);
    for (name, make) in OTHERS {
        let mut here = 0;
        for column in 0..COLUMNS {
            // From a handful of rows to a thousand, most of them few: chance is greatest there.
            let rows = ROWS[column % ROWS.len()];
            let start = dice.below(90_000);
            let mut screen = Screen::new();
            for row in 0..rows {
                screen.see("column", &make(&mut dice, start + row));
            }
            here += usize::from(screen.verdict().is_err());
        }
        println!("{name}: {here} of {COLUMNS} columns");
        assert!(here <= 2, "{name}: {here} of {COLUMNS}");
        refused += here;
        judged += COLUMNS;
    }
    println!("{refused} of {judged} columns");
    assert!(refused * 5000 <= judged, "{refused} of {judged}");
}

/// A code of twelve digits that stands in every row is taken for a number of persons if it passes, as one in
/// ten does: the file may be that of one person. The column has to be left out. Of two codes both must pass.
#[test]
fn a_code_in_every_row_stops_a_file_by_its_check_digit_alone() {
    const COLUMNS: usize = 2000;
    let mut dice = Dice(2);
    let mut refused = [0, 0];
    for _ in 0..COLUMNS {
        let codes = [dice.digits(12), dice.digits(12)];
        let mut screens = [Screen::new(), Screen::new()];
        for row in 0..500 {
            screens[0].see("column", &codes[0]);
            screens[1].see("column", &codes[row % 2]);
        }
        for (count, screen) in refused.iter_mut().zip(&screens) {
            *count += usize::from(screen.verdict().is_err());
        }
    }
    println!("{refused:?} of {COLUMNS} columns");
    assert!(
        (COLUMNS / 20..COLUMNS / 5).contains(&refused[0]),
        "{refused:?}"
    );
}

/// No word of the command line or of a mapping lets a refused file pass.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the core reads no files; this test reads the sources of the program around it"
)]
fn nothing_overrides_a_refusal() {
    const WORDS: [&str; 8] = [
        "force",
        "override",
        "allow",
        "accept-my",
        "no-refuse",
        "no-screen",
        "skip",
        "ignore",
    ];
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/src");
    let (mut options, mut folders) = (Vec::new(), vec![agent]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(path).unwrap();
                options.extend(options_of(&text));
            }
        }
    }
    assert!(
        options.iter().any(|option| option == "config"),
        "options are found: {options:?}"
    );
    for option in &options {
        // `init --force` writes configuration files anew; it reads with the same refusals.
        if option == "force" {
            continue;
        }
        let plain = option.replace('_', "-");
        assert!(!WORDS.iter().any(|word| plain.contains(word)), "{option}");
    }
    // A mapping has no such word either, and cannot map the column.
    for line in ["force = true", "allow = \"my-number\"", "refuse = false"] {
        let text = format!(
            "{line}\n[[column]]\nheader=\"id\"\nfield=\"record-id\"\n[[column]]\nheader=\"k\"\nfield=\"sex\"\n"
        );
        assert!(CsvMapping::parse(&text).is_err(), "{line}");
        assert!(CsvMapping::parse(text.split_once('\n').unwrap().1).is_ok());
    }
}

/// Fields that `clap` makes options of: the line after an attribute that says `long`.
fn options_of(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = source.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("#[arg(") && line.contains("long") {
            if let Some((_, named)) = line.split_once("long = \"") {
                found.extend(named.split('"').next().map(str::to_owned));
            }
            if let Some(field) = lines.peek() {
                let name = field.trim_start_matches("pub ").split(':').next();
                found.extend(name.map(str::to_owned));
            }
        }
    }
    found
}
