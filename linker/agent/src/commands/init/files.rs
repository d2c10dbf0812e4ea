//! The files that `init` writes.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use linker_tokenize::{
    RawField, SourceEncoding,
    format::propose::{Certainty, Column, Proposal},
};

use super::{MAPPING, SITE};
use crate::{
    error::{AgentError, Fault},
    language::Language,
    texts::{self, init as words},
};

/// The configuration.
pub(super) fn configuration(
    site: &str,
    format: &str,
    path: &str,
    is_table: bool,
    language: Language,
) -> String {
    let mark = |open: bool| {
        if open {
            words::FILL_IN.of(language).to_owned()
        } else {
            String::new()
        }
    };
    let table = if is_table {
        format!(
            "# {}\nmapping = {}\n",
            words::TABLE.of(language),
            quoted(MAPPING)
        )
    } else {
        String::new()
    };
    words::CONFIGURATION
        .of(language)
        .replace("{site_mark}", &mark(site == SITE))
        .replace("{appliance_mark}", &mark(true))
        .replace("{site}", &quoted(site))
        .replace("{format}", &quoted(format))
        .replace("{table}", &table)
        // The path last: it may hold braces of its own.
        .replace("{path}", &quoted(path))
}

/// The mapping.
pub(super) fn mapping(proposal: &Proposal, language: Language) -> String {
    let encoding = match proposal.encoding {
        SourceEncoding::Cp932 => "cp932",
        SourceEncoding::Utf8 => "utf-8",
        SourceEncoding::Ascii
        | SourceEncoding::Iso2022Jp
        | SourceEncoding::Utf16
        | SourceEncoding::Unknown => "auto",
    };
    let mut out = words::MAPPING_HEAD.of(language).to_owned();
    let delimiter = quoted(&proposal.delimiter.to_string());
    let _infallible = writeln!(
        out,
        "encoding = {}\ndelimiter = {delimiter}\n",
        quoted(encoding)
    );
    if proposal.column_of(RawField::RecordId).is_none() {
        let _infallible = writeln!(
            out,
            "# {}\n# [[column]]\n# header = \"\"\n# field = \"record-id\"\n",
            words::NO_RECORD_ID.of(language)
        );
    }
    for column in &proposal.columns {
        if let Some(field) = column.field {
            out += &entry(column, field, language);
        }
    }
    let unused = proposal
        .columns
        .iter()
        .filter(|column| column.field.is_none());
    let unused: Vec<_> = unused.map(|column| quoted(&column.header)).collect();
    if !unused.is_empty() {
        let _infallible = writeln!(
            out,
            "# {} {}\n",
            words::UNUSED.of(language),
            unused.join(", ")
        );
    }
    if proposal.column_of(RawField::Sex).is_some() {
        let _infallible = writeln!(out, "# {}", words::SEX.of(language));
    }
    out
}

fn entry(column: &Column, field: RawField, language: Language) -> String {
    let mark = match column.certainty {
        Certainty::Sure | Certainty::Likely => String::new(),
        Certainty::Unsure => format!("{}: ", words::MARK.of(language)),
    };
    let meaning = texts::field(field.tag()).map_or(field.tag(), |text| text.of(language));
    let mut out = format!(
        "# {mark}{meaning}\n[[column]]\nheader = {}\nfield = {}\n",
        quoted(&column.header),
        quoted(field.tag())
    );
    if let Some(width) = column.width {
        let _infallible = writeln!(out, "# {}\n# width = {width}", words::WIDTH.of(language));
    }
    out + "\n"
}

/// A string of TOML on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _infallible = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// Writes new files. Without `force` none is written if one is there.
pub(super) fn write(files: &[(PathBuf, String)], force: bool) -> Result<(), AgentError> {
    for (path, _) in files {
        if !force && path.exists() {
            return Err(AgentError::new(
                Fault::FileExists,
                path.display().to_string(),
            ));
        }
    }
    for (path, text) in files {
        let failed = |error: io::Error| {
            let exists = error.kind() == io::ErrorKind::AlreadyExists;
            let fault = if exists {
                Fault::FileExists
            } else {
                Fault::StateIo
            };
            AgentError::new(fault, path.display().to_string()).because(error)
        };
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let mut file = options.create_new(!force).open(path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use linker_tokenize::{CsvMapping, format::propose::propose};

    use super::*;
    use crate::config::Config;

    const BOTH: [Language; 2] = [Language::En, Language::Ja];

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.toml");
        for language in BOTH {
            for (format, table) in [("csv", true), ("ssmix2", false)] {
                let text =
                    configuration("clinic-7", format, "a {format} \"b\".csv", table, language);
                fs::write(&path, &text).unwrap();
                let config = Config::load(&path).unwrap();
                assert_eq!(config.site.as_str(), "clinic-7");
                assert!(
                    config
                        .source()
                        .unwrap()
                        .path
                        .ends_with("a {format} \"b\".csv")
                );
                assert!(!text.contains("{site") && !text.contains("_mark"), "{text}");
            }
        }
    }

    #[test]
    fn a_mapping_of_odd_headers_can_be_read() {
        let text = "患者番号,\"氏名\n(\"\"漢字\"\")\",生年月日,\"a\tb\",性別\r\n1,木木,S45.3.2,x,1\r\n12345,川川,S46.3.2,x,2\r\n";
        let proposal = propose(text.as_bytes()).unwrap();
        for language in BOTH {
            let mapping = mapping(&proposal, language);
            let parsed = CsvMapping::parse(&mapping).unwrap();
            let mut read = 0;
            let report =
                linker_tokenize::format::csv::read(&parsed, text.as_bytes(), &mut |_, row| {
                    read += usize::from(row.is_ok());
                });
            assert!(report.is_ok(), "{report:?}");
            assert_eq!(read, 2);
            for line in ["width = 5", "male = [\"1\"]"] {
                assert!(mapping.contains(line));
                let with = mapping
                    .replace(&format!("# {line}"), line)
                    .replace("# [sex]", "[sex]")
                    .replace("# female", "female")
                    .replace("# male", "male");
                assert!(CsvMapping::parse(&with).is_ok(), "{with}");
            }
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("new/one"), folder.path().join("new/two"));
        let files = |text: &str| {
            vec![
                (one.clone(), text.to_owned()),
                (two.clone(), text.to_owned()),
            ]
        };
        write(&files("first"), false).unwrap();
        fs::remove_file(&one).unwrap();
        let error = write(&files("second"), false).unwrap_err();
        assert_eq!(error.fault(), Fault::FileExists);
        assert!(!one.exists() && fs::read(&two).unwrap() == b"first");
        write(&files("2"), true).unwrap();
        assert_eq!(fs::read(&two).unwrap(), b"2");
    }
}
