//! The site's file: people that differ from each other in every record, by plain arithmetic, because this
//! bench is about the line and not about people.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

/// The mapping that goes with the file.
pub(super) const MAPPING: &str = r#"encoding = "utf-8"
[[column]]
header = "number"
field = "record-id"
[[column]]
header = "kanji"
field = "kanji-name"
[[column]]
header = "kana"
field = "kana-name"
[[column]]
header = "birth"
field = "birth-date"
[[column]]
header = "sex"
field = "sex"
[[column]]
header = "postal"
field = "postal-code"
[[column]]
header = "address"
field = "address"
"#;

const KANJI: [char; 16] = [
    '山', '川', '田', '中', '村', '上', '下', '木', '林', '森', '石', '井', '原', '野', '島', '本',
];
const KANA: [char; 16] = [
    'ア', 'イ', 'ウ', 'エ', 'オ', 'カ', 'キ', 'ク', 'ケ', 'コ', 'サ', 'シ', 'ス', 'セ', 'ソ', 'タ',
];

/// Writes the file into the site's folder.
pub(super) fn write(folder: &Path, records: u32) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(folder.join("residents.csv"))?);
    writeln!(out, "number,kanji,kana,birth,sex,postal,address")?;
    for number in 0..records {
        let digits = (0..6).map(|place| (number >> (4 * place) & 15) as usize);
        let name: String = digits.clone().map(|digit| KANJI[digit]).collect();
        let reading: String = digits.map(|digit| KANA[digit]).collect();
        let (year, month, day) = (1930 + number % 80, 1 + number % 12, 1 + number % 28);
        let (sex, postal, block) = (
            1 + number % 2,
            1_000_000 + number % 9_000_000,
            1 + number % 30,
        );
        writeln!(
            out,
            "{number:08},{name},{reading},{year:04}-{month:02}-{day:02},{sex},{postal:07},東京都千代田区{name}{block}"
        )?;
    }
    out.flush()
}
