//! Counts against a naive reference: tables are generated together with what is wrong in them, so the
//! reference reads no table at all.

use std::collections::{BTreeMap, BTreeSet};

use linker_agent::{
    config::{self, Encoding, Format},
    limits::{FIELD_SAMPLE_MAX, FREQUENT_MAX, RECORD_SAMPLE_MAX},
    report::{
        counted::Strength,
        day::Day,
        field::{Group, Notice, Reason},
        profile::Profile,
    },
    source::{Outcome, Source},
};
use linker_token::{Field, Flags, Schema};
use linker_tokenize::{Identifiers, SourceRecord};
use proptest::prelude::*;

use crate::site::{HEADER, MAPPING, Site, name};

const TODAY: Day = Day {
    year: 2026,
    month: 11,
    day: 20,
};

/// What is written in a field of one row, and what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Good,
    Empty,
    Bad(Reason),
    Noticed(Notice),
    Future,
}

#[derive(Debug, Clone)]
struct Row {
    person: usize,
    number: usize,
    kanji: Value,
    kana: Value,
    birth: Value,
    sex: Value,
    postal: Value,
    address: Value,
    insurance: Value,
}

fn value(others: &'static [Value]) -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => Just(Value::Good),
        1 => Just(Value::Empty),
        3 => prop::sample::select(others),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    use Value::{Bad, Noticed};
    (
        (0..40_usize, 0..3_usize),
        value(&[
            Bad(Reason::Wildcard),
            Bad(Reason::OtherScript),
            Bad(Reason::Mojibake),
        ]),
        value(&[
            Bad(Reason::Wildcard),
            Bad(Reason::OtherScript),
            Noticed(Notice::HalfWidthKana),
        ]),
        value(&[
            Bad(Reason::Placeholder),
            Bad(Reason::Partial),
            Bad(Reason::Impossible),
            Noticed(Notice::EraOverrun),
            Value::Future,
        ]),
        value(&[Bad(Reason::UnknownCode)]),
        value(&[Bad(Reason::Placeholder), Bad(Reason::Malformed)]),
        value(&[Noticed(Notice::NoBlock), Noticed(Notice::FullWidthDigits)]),
        value(&[
            Bad(Reason::Partial),
            Noticed(Notice::CheckDigit),
            Noticed(Notice::NoBranch),
        ]),
    )
        .prop_map(
            |((person, copy), kanji, kana, birth, sex, postal, address, insurance)| Row {
                person,
                number: person + 100 * copy,
                kanji,
                kana,
                birth,
                sex,
                postal,
                address,
                insurance,
            },
        )
}

impl Row {
    /// The line of the table.
    fn line(&self) -> String {
        let person = self.person;
        let (kanji, kana) = name(person);
        let half: String = kana.chars().map(half_width).collect();
        let kanji = match self.kanji {
            Value::Empty => String::new(),
            Value::Bad(Reason::Wildcard) => format!("■{kanji}"),
            Value::Bad(Reason::OtherScript) => "ベツノカナ".to_owned(),
            Value::Bad(_) => "螻ｱ逕ｰ螟ｪ驛".to_owned(),
            Value::Good | Value::Noticed(_) | Value::Future => kanji,
        };
        let kana = match self.kana {
            Value::Empty => String::new(),
            Value::Bad(Reason::Wildcard) => format!("{kana}？"),
            Value::Bad(_) => "漢字".to_owned(),
            Value::Noticed(_) => half,
            Value::Good | Value::Future => kana,
        };
        let (year, month, day) = birth_of(person);
        let birth = match self.birth {
            Value::Empty => String::new(),
            Value::Bad(Reason::Placeholder) => "1900-01-01".to_owned(),
            Value::Bad(Reason::Partial) => format!("{year}-{month:02}"),
            Value::Bad(_) => format!("{year}-02-30"),
            Value::Noticed(_) => "昭和65年3月2日".to_owned(),
            Value::Future => "2026-11-21".to_owned(),
            Value::Good => format!("{year}-{month:02}-{day:02}"),
        };
        let sex = match self.sex {
            Value::Empty => "",
            Value::Bad(_) => "9",
            _ if person.is_multiple_of(2) => "1",
            Value::Good | Value::Noticed(_) | Value::Future => "2",
        };
        let postal = match self.postal {
            Value::Empty => "",
            Value::Bad(Reason::Placeholder) => "000-0000",
            Value::Bad(_) => "unknown",
            Value::Good | Value::Noticed(_) | Value::Future => "1000001",
        };
        let address = match self.address {
            Value::Empty => "",
            Value::Noticed(Notice::NoBlock) => "東京都千代田区一番町",
            Value::Noticed(_) => "東京都千代田区一番町１－２",
            Value::Good | Value::Bad(_) | Value::Future => "東京都千代田区一番町1-2",
        };
        let (insurer, insured, branch) = match self.insurance {
            Value::Empty => ("", "", ""),
            Value::Bad(_) => ("01130012", "", ""),
            Value::Noticed(Notice::CheckDigit) => ("01130013", "123", "01"),
            Value::Noticed(_) => ("01130012", "123", ""),
            Value::Good | Value::Future => ("01130012", "123", "01"),
        };
        let number = self.number;
        format!(
            "{number},{kanji},{kana},{birth},{sex},{postal},{address},{insurer},{insured},{branch},\n"
        )
    }

    fn values(&self) -> [(Group, Value); 7] {
        [
            (Group::Kanji, self.kanji),
            (Group::Kana, self.kana),
            (Group::Birth, self.birth),
            (Group::Sex, self.sex),
            (Group::Postal, self.postal),
            (Group::Address, self.address),
            (Group::Insurance, self.insurance),
        ]
    }

    fn has(value: Value) -> bool {
        !matches!(value, Value::Empty | Value::Bad(_))
    }

    /// Kana in the column of kanji, which serve when the column of kana has none.
    fn kana_from_kanji(&self) -> bool {
        !Self::has(self.kana) && self.kanji == Value::Bad(Reason::OtherScript)
    }

    fn kana_is_usable(&self) -> bool {
        Self::has(self.kana) || self.kana_from_kanji()
    }

    /// Garbled names go into the token, too.
    fn kanji_is_taken(&self) -> bool {
        Self::has(self.kanji) || self.kanji == Value::Bad(Reason::Mojibake)
    }

    fn is_named(&self) -> bool {
        self.kana_is_usable() || self.kanji_is_taken()
    }

    fn strength(&self) -> Strength {
        let placed = Self::has(self.postal) || Self::has(self.address);
        match (
            self.is_named() && Self::has(self.birth),
            placed,
            Self::has(self.insurance),
        ) {
            (false, ..) => Strength::Weak,
            (true, true, true) => Strength::All,
            (true, false, true) => Strength::Insured,
            (true, true, false) => Strength::Placed,
            (true, false, false) => Strength::Named,
        }
    }

    /// Whether any identifier is left; a row without one is refused.
    fn is_usable(&self) -> bool {
        // An insurer alone is an identifier as well.
        let insured = self.insurance != Value::Empty;
        let others = [self.birth, self.sex, self.postal, self.address];
        self.is_named() || insured || others.into_iter().any(Self::has)
    }

    fn person(&self) -> Option<(String, Value, usize, Option<usize>)> {
        let name = if Self::has(self.kana) {
            format!("kana {}", self.person)
        } else if self.kana_from_kanji() {
            "kana of another column".to_owned()
        } else if Self::has(self.kanji) {
            format!("kanji {}", self.person)
        } else if self.kanji_is_taken() {
            "garbled".to_owned()
        } else {
            return None;
        };
        let birth = match self.birth {
            Value::Good => self.person,
            // One date for all.
            Value::Noticed(_) | Value::Future => 0,
            Value::Empty | Value::Bad(_) => return None,
        };
        let sex = Self::has(self.sex).then_some(self.person % 2);
        Some((name, self.birth, birth, sex))
    }
}

fn birth_of(person: usize) -> (u64, usize, usize) {
    (1930 + person as u64, 1 + person % 12, 1 + person % 28)
}

fn half_width(c: char) -> char {
    let wide = "アイウエオカキクケコサシスセソタ".chars();
    let half = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀ".chars();
    let mut pairs = wide.zip(half);
    pairs.find(|(of, _)| *of == c).map_or(c, |(_, half)| half)
}

fn profile(table: &str) -> Profile {
    let site = Site::new(table.as_bytes());
    assert!(!MAPPING.is_empty());
    let source = config::Source {
        format: Format::Csv {
            mapping: site.path("town.toml"),
        },
        path: site.path("source.csv"),
        encoding: Encoding::Auto,
    };
    let opened = Source::open(&source).unwrap().observing();
    let mut profile = Profile::new(&Schema::jp_1(), TODAY).unwrap();
    let read = opened.read(&source.path, &mut |_, outcome| {
        if let Outcome::Record(record) = outcome {
            profile.see(record);
        }
        Ok(())
    });
    read.unwrap();
    profile
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn counts_are_those_of_the_planted_faults(rows in prop::collection::vec(row(), 1..120)) {
        let table: String = rows.iter().map(Row::line).collect();
        let profile = profile(&format!("{HEADER}{table}"));
        let rows: Vec<Row> = rows.into_iter().filter(Row::is_usable).collect();
        let counts = profile.counts();
        prop_assert_eq!(counts.records, rows.len() as u64);
        fields(&rows, &profile)?;
        people(&rows, &profile)?;
        repeats(&rows, &profile)?;
    }
}

fn count(rows: &[Row], holds: impl Fn(&Row) -> bool) -> u64 {
    rows.iter().filter(|row| holds(row)).count() as u64
}

fn fields(rows: &[Row], profile: &Profile) -> Result<(), TestCaseError> {
    for (place, (group, _)) in rows[..1].iter().flat_map(Row::values).enumerate() {
        let of = |row: &Row| row.values()[place].1;
        let counted = &profile.counts().fields[group as usize];
        let derived = |row: &Row| group == Group::Kana && row.kana_from_kanji();
        let usable = count(rows, |row| Row::has(of(row)) || derived(row));
        prop_assert_eq!(counted.usable, usable, "{:?}", group);
        let empty = count(rows, |row| of(row) == Value::Empty && !derived(row));
        prop_assert_eq!(counted.empty, empty, "{:?}", group);
        for &reason in Reason::ALL {
            let bad = count(rows, |row| of(row) == Value::Bad(reason) && !derived(row));
            prop_assert_eq!(
                counted.unusable[reason as usize],
                bad,
                "{:?} {:?}",
                group,
                reason
            );
        }
        for notice in [
            Notice::HalfWidthKana,
            Notice::EraOverrun,
            Notice::CheckDigit,
            Notice::NoBranch,
            Notice::NoBlock,
        ] {
            let noticed = count(rows, |row| of(row) == Value::Noticed(notice));
            // Text read in a wrong encoding has kana of half width in it; an insurer alone has a check
            // digit and no branch to miss.
            let garbled = group == Group::Kanji && notice == Notice::HalfWidthKana;
            let garbled =
                u64::from(garbled) * count(rows, |row| of(row) == Value::Bad(Reason::Mojibake));
            let told = counted.noticed[notice as usize];
            prop_assert_eq!(told, noticed + garbled, "{:?} {:?}", group, notice);
        }
        let mut written = BTreeMap::<String, u64>::new();
        for row in rows.iter().filter(|row| of(row) != Value::Empty) {
            let line = row.line();
            let cells: Vec<_> = line.split(',').collect();
            let cells = if group == Group::Insurance {
                cells[7..10].join(",")
            } else {
                cells[place + 1].to_owned()
            };
            *written.entry(cells).or_default() += 1;
        }
        prop_assert_eq!(counted.most(), written.values().copied().max().unwrap_or(0));
        prop_assert_eq!(counted.different().different, written.len() as u64);
    }
    Ok(())
}

fn people(rows: &[Row], profile: &Profile) -> Result<(), TestCaseError> {
    let counts = profile.counts();
    for &strength in Strength::ALL {
        let expected = count(rows, |row| row.strength() == strength);
        prop_assert_eq!(
            counts.strengths[strength as usize],
            expected,
            "{:?}",
            strength
        );
    }
    let spelling = |kana: bool, kanji: bool| {
        count(rows, |row| {
            row.kana_is_usable() == kana && row.kanji_is_taken() == kanji
        })
    };
    let expected = [
        spelling(true, true),
        spelling(true, false),
        spelling(false, true),
        0,
        spelling(false, false),
    ];
    prop_assert_eq!(counts.spellings, expected);
    let sex = |odd: usize| count(rows, |row| Row::has(row.sex) && row.person % 2 == odd);
    prop_assert_eq!(
        counts.sexes,
        [sex(0), sex(1), count(rows, |row| !Row::has(row.sex))]
    );
    prop_assert_eq!(
        counts.births.future,
        count(rows, |row| row.birth == Value::Future)
    );
    let mut decades = BTreeMap::<u64, u64>::new();
    for row in rows {
        let year = match row.birth {
            Value::Good => birth_of(row.person).0,
            Value::Noticed(_) => 1990,
            Value::Empty | Value::Bad(_) | Value::Future => continue,
        };
        *decades.entry(year / 10 * 10).or_default() += 1;
    }
    prop_assert_eq!(&counts.births.decades, &decades);
    Ok(())
}

fn repeats(rows: &[Row], profile: &Profile) -> Result<(), TestCaseError> {
    let mut persons = BTreeMap::<String, BTreeSet<usize>>::new();
    for row in rows {
        // A record from which no token can be made repeats nothing.
        if let Some(person) = row.person() {
            let key = format!("{person:?}");
            persons.entry(key).or_default().insert(row.number);
        }
    }
    let told = profile.persons();
    prop_assert!(told.exact);
    prop_assert_eq!(told.different, persons.len() as u64);
    let shared = persons.values().filter(|numbers| numbers.len() > 1).count();
    prop_assert_eq!(told.shared, shared as u64);
    let tokens = profile.numbered_tokens();
    let made = profile.counts().records - profile.counts().without_token;
    prop_assert_eq!(tokens.different + tokens.repeated, made);
    Ok(())
}

#[test]
fn the_same_record_twice_and_one_person_under_two_numbers() {
    let row = |number: usize| Row {
        person: 5,
        number,
        kanji: Value::Good,
        kana: Value::Good,
        birth: Value::Good,
        sex: Value::Good,
        postal: Value::Good,
        address: Value::Good,
        insurance: Value::Good,
    };
    let table: String = [row(1), row(1), row(2)].iter().map(Row::line).collect();
    let profile = profile(&format!("{HEADER}{table}"));
    assert_eq!(profile.numbered_tokens().repeated, 1);
    assert_eq!(profile.tokens().shared, 1);
    assert_eq!(profile.persons().shared, 1);
    let numbers = profile.numbers();
    assert_eq!((numbers.different, numbers.shared), (2, 0));
}

#[test]
fn memory_is_bounded_one_past_the_exact_bound() {
    let mut profile = Profile::new(&Schema::jp_1(), TODAY).unwrap();
    let most = 4 * RECORD_SAMPLE_MAX + Group::ALL.len() * (FIELD_SAMPLE_MAX + 2 * FREQUENT_MAX);
    let see = |profile: &mut Profile, number: usize| {
        let insured = Identifiers::from_normal(&[(Field::InsuredNumber, "1")]);
        let number = number.to_string();
        profile.see(&SourceRecord::from_normal(
            &number,
            insured,
            Flags::default(),
        ));
    };
    for number in 0..RECORD_SAMPLE_MAX {
        see(&mut profile, number);
    }
    assert!(profile.numbers().exact);
    let before = profile.keys_held();
    see(&mut profile, RECORD_SAMPLE_MAX);
    assert!(!profile.numbers().exact);
    for number in 1..20_000 {
        see(&mut profile, RECORD_SAMPLE_MAX + number);
    }
    assert!(profile.keys_held() < before && before <= most);
    let different = profile.numbers().different;
    let truth = (RECORD_SAMPLE_MAX + 20_000) as u64;
    assert!(different.abs_diff(truth) < truth / 50, "{different}");
}
