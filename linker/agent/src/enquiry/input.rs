//! How values come in: typed at the terminal, or as one object from a front end. Read byte by byte into
//! memory that wipes itself; the buffers of the standard library would keep a copy.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd as _,
};

use linker_token::Schema;
use linker_tokenize::{RawField, RawRecord};
use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use super::form::{FORM, prompts};
use crate::{
    error::{AgentError, Fault},
    language::Locale,
    limits::{ENQUIRY_BYTES_MAX, ENQUIRY_LINE_BYTES_MAX},
    say,
    say::Say,
};

/// Asks at the terminal itself, wherever standard input and output go, so that neither questions nor
/// answers get into a file.
///
/// # Errors
/// [`Fault::NoTerminal`], or [`Fault::EnquiryMalformed`].
pub fn of_terminal(schema: &Schema, locale: Locale) -> Result<RawRecord, AgentError> {
    let no_terminal = |error| AgentError::new(Fault::NoTerminal, "").because(error);
    let open = File::options().read(true).write(true).open("/dev/tty");
    let mut answers = open.map_err(no_terminal)?;
    let mut questions = answers.try_clone().map_err(no_terminal)?;
    ask(schema, locale, &mut answers, &mut questions)
}

/// Reads one object from standard input: JSON, or lines `field=value`.
///
/// # Errors
/// [`Fault::EnquiryMalformed`].
pub fn of_stdin() -> Result<RawRecord, AgentError> {
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let stdin = stdin.map_err(|error| malformed(say!("it cannot be read")).because(error))?;
    let text = read_all(&mut File::from(stdin))?;
    parse(&text)
}

/// Asks for every field of the schema, one line each. An empty line leaves a field out.
fn ask(
    schema: &Schema,
    locale: Locale,
    answers: &mut dyn Read,
    questions: &mut dyn Write,
) -> Result<RawRecord, AgentError> {
    let failed = |error: io::Error| AgentError::new(Fault::NoTerminal, "").because(error);
    let head = say!("Leave out what is not known with the Enter key. Nothing is kept.");
    let head = head.line(locale.language);
    questions.write_all(&locale.encode(&head)).map_err(failed)?;
    let mut typed = RawRecord::new();
    for entry in prompts(schema) {
        let prompt = format!("{}: ", entry.prompt.of(locale.language));
        questions
            .write_all(&locale.encode(&prompt))
            .and_then(|()| questions.flush())
            .map_err(failed)?;
        let line = read_line(answers, entry.raw.tag())?;
        let value = locale
            .decode(&line)
            .ok_or_else(|| strange(entry.raw.tag()))?;
        let value = value.trim();
        if !value.is_empty() {
            typed.set(entry.raw, value);
        }
    }
    Ok(typed)
}

/// One line without its end. The end of the input ends it too.
fn read_line(input: &mut dyn Read, field: &'static str) -> Result<Zeroizing<Vec<u8>>, AgentError> {
    let mut line = Zeroizing::new(Vec::with_capacity(ENQUIRY_LINE_BYTES_MAX));
    let mut byte = Zeroizing::new([0]);
    loop {
        match input.read(&mut *byte) {
            Ok(0) => return Ok(line),
            Ok(_) if byte[0] == b'\n' => return Ok(line),
            Ok(_) if line.len() == ENQUIRY_LINE_BYTES_MAX => return Err(too_long(field)),
            // The line never grows beyond its room, which would leave a copy behind.
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(AgentError::new(Fault::NoTerminal, "").because(error)),
        }
    }
}

/// All of a front end's object.
fn read_all(input: &mut dyn Read) -> Result<Zeroizing<Vec<u8>>, AgentError> {
    let mut text = Zeroizing::new(vec![0; ENQUIRY_BYTES_MAX + 1]);
    let mut length = 0;
    while length < text.len() {
        match input.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(malformed(say!("it cannot be read")).because(error)),
        }
    }
    if length > ENQUIRY_BYTES_MAX {
        return Err(malformed(say!(
            "more than {limit} bytes",
            limit = ENQUIRY_BYTES_MAX
        )));
    }
    text.truncate(length);
    Ok(text)
}

/// Reads an object. What is wrong with it is said by its place: its text may be anybody's name.
fn parse(bytes: &[u8]) -> Result<RawRecord, AgentError> {
    let text = text_of(bytes, "the object")?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        return json(text);
    }
    let mut typed = RawRecord::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let at = || {
            malformed(say!(
                "line {number} is not FIELD=VALUE with one of {tags}",
                number = number,
                tags = tags()
            ))
        };
        let (tag, value) = line.split_once('=').ok_or_else(at)?;
        let field = field_of(tag.trim()).ok_or_else(at)?;
        set(&mut typed, field, value)?;
    }
    Ok(typed)
}

fn json(text: &str) -> Result<RawRecord, AgentError> {
    let object: BTreeMap<RawField, Option<Wiped>> =
        serde_json::from_str(text).map_err(|error| {
            // The error itself would repeat what it found.
            let (line, column) = (error.line(), error.column());
            let what = say!(
                "line {line}, column {column}: it is an object of texts with {tags}",
                line = line,
                column = column,
                tags = tags()
            );
            malformed(what)
        })?;
    let mut typed = RawRecord::new();
    for (field, value) in &object {
        if !FORM.iter().any(|entry| entry.raw == *field) {
            let tag = field.tag();
            return Err(malformed(say!(
                "{tag} is none of {tags}",
                tag = tag,
                tags = tags()
            )));
        }
        if let Some(value) = value {
            set(&mut typed, *field, &value.0)?;
        }
    }
    Ok(typed)
}

fn set(typed: &mut RawRecord, field: RawField, value: &str) -> Result<(), AgentError> {
    if value.len() > ENQUIRY_LINE_BYTES_MAX {
        return Err(too_long(field.tag()));
    }
    if !value.trim().is_empty() {
        typed.set(field, value.trim());
    }
    Ok(())
}

/// A text that wipes itself. Escapes in JSON pass through a buffer of the parser that does not: a front
/// end that cares sends UTF-8 as it is.
struct Wiped(Zeroizing<String>);

impl<'de> Deserialize<'de> for Wiped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Wiped;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Wiped, E> {
                Ok(Wiped(Zeroizing::new(text.to_owned())))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Wiped, E> {
                Ok(Wiped(Zeroizing::new(text)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

fn field_of(tag: &str) -> Option<RawField> {
    let mut fields = FORM.iter().map(|entry| entry.raw);
    fields.find(|field| field.tag() == tag)
}

fn tags() -> String {
    let tags: Vec<&str> = FORM.iter().map(|entry| entry.raw.tag()).collect();
    tags.join(", ")
}

fn text_of<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, AgentError> {
    // The error of the decoder is left out: it says no more than this.
    std::str::from_utf8(bytes)
        .map_err(|_opaque| malformed(say!("{what} is not UTF-8", what = what)))
}

fn strange(field: &'static str) -> AgentError {
    malformed(say!(
        "{what} is not in the terminal's character set",
        what = field
    ))
}

fn too_long(field: &'static str) -> AgentError {
    malformed(say!(
        "{field} has more than {limit} bytes",
        field = field,
        limit = ENQUIRY_LINE_BYTES_MAX
    ))
}

fn malformed(detail: Say) -> AgentError {
    AgentError::new(Fault::EnquiryMalformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{CodeSet, Language};

    fn typed(text: &str) -> BTreeMap<&'static str, String> {
        let record = parse(text.as_bytes()).unwrap();
        let values = record.iter();
        values
            .map(|(field, value)| (field.tag(), value.to_owned()))
            .collect()
    }

    #[test]
    fn json_and_lines_say_the_same() {
        let lines = typed("kana-name = アオキ イロハ\r\n\nbirth-date=1980-01-02\nsex=\n");
        let json = typed(
            "{\"kana-name\": \" アオキ イロハ\", \"birth-date\": \"\\u0031980-01-02\", \"sex\": null}",
        );
        assert_eq!(lines, json);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines["kana-name"], "アオキ イロハ");
        assert!(typed(" \n").is_empty());
        assert!(typed("{}").is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_text() {
        for bad in [
            "marked value",
            "marked-name = marked value",
            "{\"marked-name\": \"marked value\"}",
            "{\"kana-name\": [\"marked value\"]}",
            "{\"kana-name\": \"marked value\"",
            "{\"record-id\": \"marked value\"}",
            "record-id=marked value",
        ] {
            let error = parse(bad.as_bytes()).unwrap_err();
            assert_eq!(error.fault(), Fault::EnquiryMalformed, "{bad}");
            let said = crate::messages::render(&error, Language::En);
            assert!(!said.contains("marked"), "{said}");
        }
        let error = parse(b"kana-name=\xff").unwrap_err();
        assert_eq!(error.fault(), Fault::EnquiryMalformed);
    }

    #[test]
    fn bounds_hold_one_past() {
        let value = |length: usize| format!("kana-name={}", "a".repeat(length));
        assert!(parse(value(ENQUIRY_LINE_BYTES_MAX).as_bytes()).is_ok());
        assert!(parse(value(ENQUIRY_LINE_BYTES_MAX + 1).as_bytes()).is_err());
        let bytes = |length: usize| read_all(&mut &vec![b' '; length][..]);
        assert!(bytes(ENQUIRY_BYTES_MAX).is_ok());
        assert!(bytes(ENQUIRY_BYTES_MAX + 1).is_err());
        let line = |length: usize| read_line(&mut &vec![b'a'; length][..], "kana-name");
        assert!(line(ENQUIRY_LINE_BYTES_MAX).is_ok());
        assert!(line(ENQUIRY_LINE_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn the_terminal_is_asked_line_by_line() {
        let mut said = Vec::new();
        let answers = "アオキ イロハ\n\n1980-01-02\n女\n";
        let typed = ask(
            &Schema::jp_1(),
            Locale::default(),
            &mut answers.as_bytes(),
            &mut said,
        )
        .unwrap();
        let values: Vec<_> = typed.iter().collect();
        assert_eq!(
            values,
            [
                (RawField::KanaName, "アオキ イロハ"),
                (RawField::BirthDate, "1980-01-02"),
                (RawField::Sex, "女"),
            ]
        );
        let said = String::from_utf8(said).unwrap();
        assert_eq!(said.matches(": ").count(), 10, "{said}");
        assert!(!said.contains("アオキ"), "{said}");
    }

    #[test]
    fn an_old_terminal_is_asked_and_understood_in_its_own_characters() {
        let locale = Locale {
            language: Language::Ja,
            code_set: CodeSet::Cp932,
            fell_back: false,
        };
        let (mut said, answers) = (Vec::new(), locale.encode("ｱｵｷ イロハ\n\n"));
        let typed = ask(&Schema::jp_1(), locale, &mut &answers[..], &mut said).unwrap();
        assert_eq!(typed.get(RawField::KanaName), Some("ｱｵｷ イロハ"));
        assert_eq!(
            locale
                .decode(&said)
                .unwrap()
                .matches("氏名（漢字）: ")
                .count(),
            1
        );
        let strange = ask(&Schema::jp_1(), locale, &mut &b"\x81\n"[..], &mut said).unwrap_err();
        assert_eq!(strange.fault(), Fault::EnquiryMalformed);
    }
}
