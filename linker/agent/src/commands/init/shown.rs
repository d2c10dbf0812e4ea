//! What `init` says on the screen.

use linker_tokenize::{
    RawField,
    format::propose::{Certainty, Column, Ground},
};

use super::{Made, detect::words};
use crate::{
    columns::aligned,
    language::Language,
    say,
    say::{Noun, Say, Value},
    texts,
};

impl Made {
    /// The screen.
    pub(crate) fn text(&self, language: Language) -> String {
        let mut out = String::new();
        let mut add = |said: Say| out += &said.line(language);
        add(say!(
            "Understood {path} as:",
            path = self.from.display().to_string()
        ));
        let format = words(self.format);
        add(say!(
            "format\t{name}: {words}",
            name = self.format,
            words = format
        ));
        if let (Some(encoding), Some(delimiter), Some(rows)) =
            (&self.encoding, self.delimiter, self.rows)
        {
            let delimiter = match delimiter {
                ';' => say!("semicolon"),
                '\t' => say!("tab"),
                _ => say!("comma"),
            };
            add(say!("encoding\t{name}", name = encoding));
            add(say!("delimiter\t{name}", name = delimiter));
            add(say!(
                "rows looked at\t{rows}",
                rows = Noun::Rows.count(rows as u64)
            ));
        }
        if !self.columns.is_empty() {
            out += "\n";
            self.table(language, &mut out);
            out += "\n";
            out += &say!("Nothing of any row is shown or stored; rows were only counted.")
                .line(language);
        }
        out += "\n";
        self.end(language, &mut out);
        aligned(&out)
    }

    fn table(&self, language: Language, out: &mut String) {
        *out += &say!("no\tcolumn\tmeaning\thow sure").line(language);
        for (at, told) in self.columns.iter().enumerate() {
            let (meaning, sure) = meaning(&told.column);
            // A tab or a line end in a header would break the table.
            let header = crate::messages::clean(&told.header);
            let cells = [
                (at + 1).to_string(),
                header,
                meaning.to(language),
                sure.map_or_else(String::new, |sure| sure.to(language)),
            ];
            *out += cells.join("\t").trim_end();
            out.push('\n');
        }
    }

    fn end(&self, language: Language, out: &mut String) {
        let mut add = |said: Say| *out += &said.line(language);
        for path in &self.written {
            add(say!("written\t{path}", path = path.display().to_string()));
        }
        let unsure = |told: &&super::Told| told.certainty == Some("unsure");
        let unsure = self.columns.iter().filter(unsure).count();
        if unsure > 0 {
            add(say!("to be checked\t{count}", count = unsure));
        }
        if !self.unfilled.is_empty() {
            add(say!(
                "to be filled in\t{keys}",
                keys = self.unfilled.join(", ")
            ));
        }
        *out += "\n";
        let config = self.written.first().map(|path| path.display().to_string());
        let config = config.unwrap_or_default();
        if self.usable {
            let command = format!("tokenizer check --config {config}");
            *out += &say!("Next: {command}", command = command).line(language);
        } else {
            let mapping = self.written.last().map(|path| path.display().to_string());
            let path = mapping.unwrap_or_default();
            *out += &say!(
                "A mapping needs the record number and one more column. Complete {path} before you go on.",
                path = path
            )
            .line(language);
        }
    }
}

fn field(field: RawField) -> Value {
    texts::field(field.tag()).map_or_else(|| field.tag().into(), Value::Text)
}

/// The meaning of a column and how sure it is.
fn meaning(column: &Column) -> (Value, Option<Say>) {
    let Some(found) = column.field else {
        let why = match column.ground {
            Ground::NotUsed => say!("not used"),
            Ground::Repeated => say!("same header twice, not used"),
            Ground::Taken(taken) => {
                say!("{field} is taken from another column", field = field(taken))
            }
            Ground::Header | Ground::Values | Ground::Contradiction | Ground::Unknown => {
                say!("not recognised, not used")
            }
        };
        return (say!("({why})", why = why).into(), None);
    };
    let sure = match (column.certainty, column.ground) {
        (Certainty::Sure, _) => say!("sure"),
        (Certainty::Likely, _) => say!("likely"),
        (Certainty::Unsure, Ground::Values) => say!("CHECK: only the values look so"),
        (Certainty::Unsure, Ground::Contradiction) => {
            say!("CHECK: the values look like something else")
        }
        (Certainty::Unsure, _) => say!("CHECK: the header is vague"),
    };
    let sure = if column.width.is_some() {
        say!("{sure}, but lengths differ: see the mapping", sure = sure)
    } else {
        sure
    };
    (field(found), Some(sure))
}
