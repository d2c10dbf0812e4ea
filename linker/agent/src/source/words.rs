//! What the readers say about a file, as sentences of this program.

use linker_tokenize::{ReadError, Refusal, RefusedNumber, RowError, SourceEncoding};

use crate::{
    say,
    say::{Say, Value},
    texts,
};

/// The words of a reader's error.
pub(crate) fn of(error: &ReadError) -> Value {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the reader's enum is open; what has no values is said by its own words"
    )]
    match error {
        ReadError::TooLarge { what, limit } => say!(
            "{what} exceeds its limit of {limit}",
            what = *what,
            limit = *limit
        ),
        ReadError::Encoding { declared, found } => say!(
            "the file is declared as {declared} and its bytes look like {found}",
            declared = encoding(*declared),
            found = encoding(*found)
        ),
        ReadError::Structure { format, rule } => say!(
            "the file is not {format}: {rule}",
            format = *format,
            rule = *rule
        ),
        ReadError::MissingColumn { header, field } => say!(
            "the header has no column {header}, which the mapping gives to {field}",
            header = format!("{header:?}"),
            field = *field
        ),
        ReadError::RepeatedColumn { header } => say!(
            "the header has the column {header} more than once",
            header = format!("{header:?}")
        ),
        ReadError::MappingSyntax { reason } => say!(
            "the mapping file does not parse: {reason}",
            reason = toml(reason)
        ),
        ReadError::MappingRule { rule } => say!("the mapping is not usable: {rule}", rule = *rule),
        ReadError::Refused(refusal) => refused(refusal),
        ReadError::Record(error) => return row(*error),
        _ => return error.to_string().into(),
    }
    .into()
}

/// The name of an encoding.
pub(crate) fn encoding(encoding: SourceEncoding) -> Value {
    encoding.to_string().into()
}

fn refused(refusal: &Refusal) -> Say {
    let number: Value = match refusal.number() {
        RefusedNumber::MyNumber => say!("My Number").into(),
        RefusedNumber::ResidenceCode => say!("the residence code").into(),
    };
    let column: Value = match refusal.column().strip_prefix("column ") {
        Some(place) => say!("column {number}", number = place).into(),
        None => refusal.column().into(),
    };
    match refusal.values() {
        None => say!(
            "{column} holds {number}, as its header says",
            column = column,
            number = number
        ),
        Some((passed, seen)) => say!(
            "{column} holds {number}: {passed} of {seen} numbers of its length pass its check digit",
            column = column,
            number = number,
            passed = passed,
            seen = seen
        ),
    }
}

/// A row's fault has a code, whose words stand in the table of codes.
fn row(error: RowError) -> Value {
    texts::code(error.code()).map_or_else(|| error.to_string().into(), Value::Text)
}

/// A complaint of the parser of TOML. Its usual forms have Japanese words, the others stay English.
pub(crate) fn toml(message: &str) -> Value {
    let (reason, expected) = match message.split_once(", expected ") {
        Some((reason, expected)) => (reason, Some(expected)),
        None => (message, None),
    };
    let words = |prefix: &str| reason.strip_prefix(prefix).map(str::to_owned);
    let reason: Value = if let Some(name) = words("unknown field ") {
        say!("unknown field {name}", name = name).into()
    } else if let Some(name) = words("missing field ") {
        say!("missing field {name}", name = name).into()
    } else if let Some(name) = words("unknown variant ") {
        say!("unknown variant {name}", name = name).into()
    } else {
        return message.into();
    };
    match expected {
        Some(names) => say!(
            "{reason}, expected {expected}",
            reason = reason,
            expected = expectation(names)
        )
        .into(),
        None => reason,
    }
}

/// The names that would have been right, as the parser lists one, two or more of them.
fn expectation(names: &str) -> Value {
    if let Some(names) = names.strip_prefix("one of ") {
        say!("one of {names}", names = names).into()
    } else if let Some((one, other)) = names.split_once(" or ") {
        say!("{one} or {other}", one = one, other = other).into()
    } else {
        names.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn english_words_are_the_readers_own() {
        let header = "氏名".to_owned();
        let (format, rule) = ("a table with a header", "its first line is not a header");
        for error in [
            ReadError::Empty,
            ReadError::Truncated,
            ReadError::TooLarge {
                what: "the row",
                limit: 9,
            },
            ReadError::Encoding {
                declared: SourceEncoding::Utf8,
                found: SourceEncoding::Unknown,
            },
            ReadError::Structure { format, rule },
            ReadError::MissingColumn {
                header: header.clone(),
                field: "sex",
            },
            ReadError::RepeatedColumn { header },
            ReadError::MappingSyntax {
                reason: "unknown field `x`, expected `y` or `z`".to_owned(),
            },
            ReadError::MappingRule {
                rule: "it has too many columns",
            },
        ] {
            let words = of(&error);
            assert_eq!(words.to(Language::En), error.to_string());
            let japanese = words.to(Language::Ja);
            assert!(
                !japanese.contains(" the ") && japanese != error.to_string(),
                "{japanese}"
            );
        }
    }

    #[test]
    fn a_refusal_is_said_in_both_languages() {
        let bytes = "患者番号,氏名,個人番号\r\n1,x,\r\n".as_bytes();
        let error = linker_tokenize::format::propose::propose(bytes).unwrap_err();
        assert_eq!(of(&error).to(Language::En), error.to_string());
        let japanese = "3 列目は、見出しによるとマイナンバー（個人番号）です";
        assert_eq!(of(&error).to(Language::Ja), japanese);
    }
}
