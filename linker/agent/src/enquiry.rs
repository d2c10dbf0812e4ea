//! Is this person in? What somebody typed at a consultation desk, made into a token here.
//!
//! Typed values live in memory that wipes itself, come through no buffer that does not, are never
//! arguments of the program, and are never written. What leaves is one row of bits.

pub mod form;
pub mod input;

use keymgmt_custody::package::OpenedPackage;
use linkage_proto::v1::ResolveTokenRequest;
use linker_token::{Flags, RecordRef, Schema, Token, limits::REFERENCE_BYTES, schema::Role};
use linker_tokenize::{
    Encoder, RawField, RawRecord, RowError, Screen, SourceRecord, limits::REFUSE_STEPS,
    normalize::normalize,
};
use zeroize::Zeroize as _;

use self::form::FORM;
use crate::{
    error::{AgentError, Fault},
    say,
    say::Value,
    texts,
};

/// The normaliser wants a local number, which a question has not. It is not encoded.
const NO_NUMBER: &str = "enquiry";

/// The question for the appliance.
///
/// # Errors
/// [`Fault::EnquiryUnreadable`], [`Fault::EnquiryTooThin`], or [`Fault::MyNumberColumn`]. None of them
/// holds a typed value.
pub fn question(
    schema: &Schema,
    package: &OpenedPackage,
    typed: RawRecord,
) -> Result<ResolveTokenRequest, AgentError> {
    let content = package.content();
    // No reference leaves, so any key does for it.
    let mut encoder = Encoder::new(
        schema,
        package.secret().expose(),
        &[0; 32],
        &content.project,
        content.epoch,
    );
    let mut token = tokenise(schema, &mut encoder, typed)?;
    let words = token.row.iter();
    let row = words.flat_map(|word| word.to_le_bytes()).collect();
    token.row.zeroize();
    Ok(ResolveTokenRequest {
        linkage_project: content.project.to_string(),
        epoch: content.epoch.0,
        schema_digest: content.schema.0.to_vec(),
        secret_check: content.check.0.to_vec(),
        flags: token.flags.bits(),
        row,
        project: String::new(),
    })
}

/// One row, of which a link could come at all.
fn tokenise(schema: &Schema, encoder: &mut Encoder, typed: RawRecord) -> Result<Token, AgentError> {
    screen(&typed)?;
    let typed = typed.with(RawField::RecordId, NO_NUMBER);
    let record = normalize(&typed).map_err(|error| of_row(schema, &error))?;
    let given = FORM
        .iter()
        .filter_map(|entry| Some((entry, typed.get(entry.raw)?)));
    let unreadable = given.filter(|(entry, value)| !is_readable(entry, value, &record));
    let unreadable: Vec<&str> = unreadable.map(|(entry, _)| entry.raw.tag()).collect();
    if !unreadable.is_empty() {
        let detail = unreadable.join(", ");
        return Err(AgentError::new(Fault::EnquiryUnreadable, detail));
    }
    let reference = RecordRef([0; REFERENCE_BYTES]);
    let token = encoder.encode_one(record.identifiers(), reference, record.flags());
    let token = token.ok_or_else(|| too_thin(schema, u8::MAX))?;
    let missing = token.flags.missing_mask();
    if is_enough(schema, missing, record.flags()) {
        Ok(token)
    } else {
        Err(too_thin(schema, missing))
    }
}

/// Whether something came of a value. A name is judged alone, because a kana name may come of either field,
/// and must not be that of a test record: that belongs to nobody, and would be answered as nobody's.
fn is_readable(entry: &form::Entry, value: &str, record: &SourceRecord) -> bool {
    let has = |record: &SourceRecord| {
        let mut fields = entry.fields.iter();
        fields.any(|field| record.identifiers().get(*field).is_some())
    };
    if !entry.is_name() {
        return has(record);
    }
    let alone = RawRecord::new()
        .with(RawField::RecordId, NO_NUMBER)
        .with(entry.raw, value);
    normalize(&alone).is_ok_and(|alone| has(&alone) && !alone.flags().has(Flags::TEST_RECORD))
}

/// Refuses My Number and the residence code, wherever they were typed. One value is judged as a column
/// that holds nothing else, so one honest number of twelve digits in ten is refused as well.
fn screen(typed: &RawRecord) -> Result<(), AgentError> {
    let [(enough, _, _), ..] = REFUSE_STEPS;
    let mut screen = Screen::new();
    for (field, value) in typed.iter() {
        for _ in 0..enough {
            screen.see(field.tag(), value);
        }
    }
    screen.verdict().map_err(|refusal| {
        AgentError::new(Fault::MyNumberColumn, refusal.column())
            .worded(say!(
                "a typed value is a number that must not be processed (My Number, residence code)"
            ))
            .advise(say!(
                "leave that field empty, and do not write the number down anywhere"
            ))
    })
}

fn of_row(schema: &Schema, error: &RowError) -> AgentError {
    if matches!(error, RowError::NothingUsable) {
        return too_thin(schema, u8::MAX);
    }
    AgentError::new(Fault::EnquiryUnreadable, texts::coded(error.code()))
}

/// Whether the appliance could ever answer yes: a link needs two kinds of identifiers that agree, three if
/// the name or the birth date is not known, and one of these two among them. As `linker_match::rules` has
/// it, of which this program has no copy: a question without hope is not asked.
fn is_enough(schema: &Schema, missing: u8, flags: Flags) -> bool {
    let given = kinds(schema, missing);
    let known = kinds(schema, 0);
    let needed = if flags.has(Flags::WEAK_EVIDENCE) {
        3
    } else {
        2
    };
    let identity = |role: &Role| matches!(role, Role::Name | Role::Birth);
    given.len() >= needed.min(known.len())
        && (given.iter().any(identity) || !known.iter().any(identity))
}

/// The kinds of identifiers of the segments that are not missing.
fn kinds(schema: &Schema, missing: u8) -> Vec<Role> {
    let segments = schema.segments().iter().enumerate();
    let present = segments.filter(|(index, _)| missing >> index & 1 == 0);
    let mut kinds: Vec<Role> = Vec::new();
    for (_, segment) in present {
        if !kinds.contains(&segment.role) {
            kinds.push(segment.role);
        }
    }
    kinds
}

/// Names the kinds that would help.
fn too_thin(schema: &Schema, missing: u8) -> AgentError {
    let given = kinds(schema, missing);
    let all = kinds(schema, 0).into_iter();
    let absent: Vec<Value> = all
        .filter(|role| !given.contains(role))
        .map(|role| form::kind_name(role).into())
        .collect();
    let detail = say!("what would help: {kinds}", kinds = Value::List(absent));
    AgentError::new(Fault::EnquiryTooThin, detail)
}

#[cfg(test)]
mod tests {
    use linker_token::{Epoch, ProjectId};

    use super::*;

    fn encoder() -> Encoder {
        let project = ProjectId::parse("demo").unwrap();
        Encoder::new(&Schema::jp_1(), &[7; 32], &[0; 32], &project, Epoch(1))
    }

    fn ask(values: &[(RawField, &str)]) -> Result<Token, AgentError> {
        let mut typed = RawRecord::new();
        for &(field, value) in values {
            typed.set(field, value);
        }
        tokenise(&Schema::jp_1(), &mut encoder(), typed)
    }

    fn fault(values: &[(RawField, &str)]) -> (Fault, String) {
        let error = ask(values).unwrap_err();
        (error.fault(), error.to_string())
    }

    const KANA: (RawField, &str) = (RawField::KanaName, "アオキ イロハ");
    const BIRTH: (RawField, &str) = (RawField::BirthDate, "昭和55年1月2日");
    const POSTAL: (RawField, &str) = (RawField::PostalCode, "100-0001");
    const ADDRESS: (RawField, &str) = (RawField::Address, "東京都千代田区千代田1-1");
    const INSURER: (RawField, &str) = (RawField::Insurer, "06139992");
    const NUMBER: (RawField, &str) = (RawField::InsuredNumber, "1234567");

    #[test]
    fn the_same_values_make_the_same_row_as_at_a_site() {
        let token = ask(&[KANA, BIRTH]).unwrap();
        let site = RawRecord::new()
            .with(RawField::RecordId, "0001")
            .with(RawField::KanaName, "あおき　いろは")
            .with(RawField::BirthDate, "1980-01-02");
        let site = encoder().encode(&normalize(&site).unwrap());
        assert_eq!((&token.row, token.flags), (&site[0].row, site[0].flags));
    }

    #[test]
    fn too_little_is_refused_with_what_would_help() {
        assert!(ask(&[KANA, BIRTH]).is_ok());
        assert!(ask(&[BIRTH, POSTAL, ADDRESS, INSURER, NUMBER]).is_ok());
        assert!(ask(&[KANA, POSTAL, ADDRESS, INSURER, NUMBER]).is_ok());
        for (values, helps) in [
            (&[][..], "name, birth date, address, insurance"),
            (&[KANA], "birth date, address, insurance"),
            (&[BIRTH], "name, address, insurance"),
            (&[KANA, POSTAL, ADDRESS], "birth date, insurance"),
            (&[POSTAL, ADDRESS, INSURER, NUMBER], "name, birth date"),
            // A sex alone is no birth segment, a branch alone no insurance.
            (
                &[KANA, (RawField::Sex, "女")],
                "birth date, address, insurance",
            ),
        ] {
            let (fault, said) = fault(values);
            assert_eq!(fault, Fault::EnquiryTooThin, "{said}");
            assert!(
                said.ends_with(&format!("what would help: {helps}")),
                "{said}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_left_out() {
        for (bad, tag) in [
            ((RawField::BirthDate, "13月"), "birth-date"),
            ((RawField::BirthDate, "1900-01-01"), "birth-date"),
            ((RawField::Sex, "marked value"), "sex"),
            ((RawField::PostalCode, "12"), "postal-code"),
            ((RawField::KanjiName, "■■"), "kanji-name"),
        ] {
            let (fault, said) = fault(&[KANA, BIRTH, bad]);
            assert_eq!(fault, Fault::EnquiryUnreadable, "{said}");
            assert!(said.ends_with(tag), "{said}");
            assert!(!said.contains(bad.1), "{said}");
        }
        let (fault, said) = fault(&[(RawField::KanaName, "テスト タロウ"), BIRTH]);
        assert_eq!(fault, Fault::EnquiryUnreadable, "{said}");
        assert!(said.ends_with("kana-name"), "{said}");
    }

    /// Digits whose last one is the check digit of My Number.
    #[test]
    fn refused_numbers_are_refused_one_by_one() {
        let number = (0..10)
            .map(|last| format!("12345678901{last}"))
            .filter(|number| ask(&[KANA, BIRTH, (RawField::InsuredNumber, number)]).is_err());
        let refused: Vec<String> = number.collect();
        assert_eq!(refused.len(), 1, "one check digit is right");
        let (fault, said) = fault(&[KANA, BIRTH, (RawField::InsuredNumber, &refused[0])]);
        assert_eq!(fault, Fault::MyNumberColumn);
        assert!(
            !said.contains(&refused[0]) && said.contains("insured-number"),
            "{said}"
        );
    }
}
