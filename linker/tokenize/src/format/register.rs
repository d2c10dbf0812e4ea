//! Extracts of resident registers and of registers of removed residents: tables, by a preset mapping.
//!
//! There is no one layout: each vendor names its columns. What is common is the set of columns, so the
//! preset is a list of headers per field, and [`mapping`] takes those that a file's header has. A
//! register of unusual headers needs a mapping file of its own. Extracts that carry My Number or the
//! residence code are refused by the reader of tables, by header and by check digit: the town must
//! leave these columns out.
//!
//! A foreign resident has up to four names. The alias (通称) or the former family name (旧氏) gives the
//! second name of the record; a Roman name in a column beside the kanji name is not read.

use super::{
    FileReport, RowSink,
    blocks::{BlockSink, File, Stopped, in_memory},
    csv, encoding,
};
use crate::{error::ReadError, limits::ROW_BYTES_MAX};

/// Field names of the mapping with the headers that are taken for them, the first one that is there.
const PRESET: [(&str, &[&str]); 12] = [
    ("record-id", &["宛名番号", "宛名コード", "住民番号"]),
    (
        "kanji-name",
        &["氏名", "氏名漢字", "漢字氏名", "氏名（漢字）"],
    ),
    (
        "kana-name",
        &[
            "氏名フリガナ",
            "氏名カナ",
            "カナ氏名",
            "フリガナ",
            "氏名（カナ）",
            "氏名ふりがな",
        ],
    ),
    ("former-kanji-name", &["通称", "通称名"]),
    (
        "former-kana-name",
        &["通称フリガナ", "通称カナ", "通称名カナ"],
    ),
    ("former-kanji-family", &["旧氏", "旧姓"]),
    (
        "former-kana-family",
        &["旧氏フリガナ", "旧氏カナ", "旧姓カナ"],
    ),
    ("birth-date", &["生年月日"]),
    ("sex", &["性別", "性別コード"]),
    ("postal-code", &["郵便番号", "住所郵便番号"]),
    ("address", &["住所", "現住所", "住民票住所"]),
    ("deceased", &["異動事由", "消除事由", "除票事由"]),
];

/// Whether a file looks like an extract: a table whose first header line has an address-name number.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    header(bytes).is_some_and(|(headers, _)| {
        let known = PRESET[0].1;
        headers
            .iter()
            .any(|header| known.contains(&header.as_str()))
    })
}

/// The preset mapping for a file with this header.
///
/// # Errors
/// [`ReadError::Structure`] if the first line is no header, [`ReadError::MappingRule`] if it has no
/// address-name number or nothing beside it.
pub fn mapping(bytes: &[u8]) -> Result<csv::CsvMapping, ReadError> {
    let (headers, delimiter) = header(bytes).ok_or(ReadError::Structure {
        format: "a register's extract",
        rule: "its first line is not a header",
    })?;
    let mut text = format!("delimiter = {:?}\ncolumn = [\n", delimiter.to_string());
    for (field, names) in PRESET {
        // Only headers of the preset are written, so nothing of the file gets into the mapping.
        if let Some(name) = names
            .iter()
            .find(|&&name| headers.iter().any(|at| at == name))
        {
            text.push_str(&format!("{{ header = {name:?}, field = {field:?} }},\n"));
        }
    }
    text.push_str("]\n");
    csv::CsvMapping::parse(&text)
}

/// Reads an extract with the preset mapping. Rows and errors are those of [`csv::read`].
///
/// # Errors
/// As [`mapping`] and [`csv::read`].
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    in_memory(bytes, sink, read_file)
}

/// Reads an extract of any length, as [`read`] does.
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    csv::read_file(&mapping_of(file)?, file, sink)
}

/// The preset mapping for a file of any length.
///
/// # Errors
/// As [`mapping`], and [`ReadError::Empty`].
pub fn mapping_of<E>(file: &mut File<'_, E>) -> Result<csv::CsvMapping, Stopped<E>> {
    let head = file.head(ROW_BYTES_MAX)?;
    if head.is_empty() {
        return Err(Stopped::File(ReadError::Empty));
    }
    Ok(mapping(&head)?)
}

/// The headers of the first line and what stands between them.
fn header(bytes: &[u8]) -> Option<(Vec<String>, char)> {
    let head = &bytes[..bytes.len().min(ROW_BYTES_MAX)];
    let end = head.iter().position(|&byte| matches!(byte, b'\n' | b'\r'));
    let line = &head[..end?];
    let line = line.strip_prefix(encoding::BOM).unwrap_or(line);
    let text = encoding::text(encoding::detect(line), line)?;
    let delimiter = if text.contains('\t') { '\t' } else { ',' };
    let names = text.split(delimiter);
    let names = names.map(|name| name.trim().trim_matches('"').trim().to_owned());
    Some((names.collect(), delimiter))
}
