//! Files of one person. `None` where a format has no way to write what the person has.

use encoding_rs::{ISO_2022_JP, SHIFT_JIS};
use linker_tokenize::{
    RawField as R,
    format::{SourceEncoding, detect},
};

use super::{FIELDS, Person};

/// A mapping and a table in UTF-8, every value in quotation marks.
pub(super) fn table(person: &Person) -> (String, String) {
    let mut mapping =
        "encoding = \"utf-8\"\n[[column]]\nheader = \"id\"\nfield = \"record-id\"\n".to_owned();
    let (mut header, mut row) = ("id".to_owned(), "1".to_owned());
    for field in FIELDS {
        let tag = field.tag();
        mapping += &format!("[[column]]\nheader = \"{tag}\"\nfield = \"{tag}\"\n");
        header += &format!(",{tag}");
        row += &format!(",\"{}\"", person.get(field).replace('"', "\"\""));
    }
    (mapping, format!("{header}\r\n{row}\r\n"))
}

/// A response of online eligibility checks.
pub(super) fn eligibility(person: &Person) -> String {
    let element = |name: &str, field| {
        let value = person.get(field).replace('&', "&amp;");
        let value = value.replace('<', "&lt;").replace('>', "&#x3e;");
        format!("<{name}>{value}</{name}>")
    };
    let body: String = [
        ("Name", R::KanjiName),
        ("NameKana", R::KanaName),
        ("Birthdate", R::BirthDate),
        ("Sex1", R::Sex),
        ("PostNumber", R::PostalCode),
        ("Address", R::Address),
        ("InsurerNumber", R::Insurer),
        ("InsuredCardSymbol", R::InsuredSymbol),
        ("InsuredIdentificationNumber", R::InsuredNumber),
        ("InsuredBranchNumber", R::InsuredBranch),
    ]
    .into_iter()
    .map(|(name, field)| element(name, field))
    .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<XmlMsg><ResultOfQualificationConfirmation>\
         <ReferenceNumber>1</ReferenceNumber>{body}</ResultOfQualificationConfirmation></XmlMsg>\n"
    )
}

/// A Patient with the identifier of an insured person.
pub(super) fn fhir(person: &Person) -> Option<String> {
    let insured = [
        R::Insurer,
        R::InsuredSymbol,
        R::InsuredNumber,
        R::InsuredBranch,
    ];
    let parts = insured.map(|field| person.get(field));
    if parts.iter().any(|part| part.contains(':')) {
        return None;
    }
    let text = |value: &str| serde_json::to_string(value).ok();
    let name = |code: &str, field| {
        let url = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";
        let name = text(person.get(field))?;
        Some(format!(
            "{{\"extension\":[{{\"url\":\"{url}\",\"valueCode\":\"{code}\"}}],\"text\":{name}}}"
        ))
    };
    Some(format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"1\",\"name\":[{},{}],\"birthDate\":{},\"gender\":{},\
         \"address\":[{{\"postalCode\":{},\"text\":{}}}],\"identifier\":[{{\"system\":\
         \"http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID\",\"value\":{}}}]}}",
        name("IDE", R::KanjiName)?,
        name("SYL", R::KanaName)?,
        text(person.get(R::BirthDate))?,
        text(person.get(R::Sex))?,
        text(person.get(R::PostalCode))?,
        text(person.get(R::Address))?,
        text(&parts.join(":"))?,
    ))
}

/// A medical claim. It has no address.
pub(super) fn uke(person: &Person) -> Option<Vec<u8>> {
    let homeless = [R::PostalCode, R::Address];
    let homeless = homeless.iter().all(|&field| person.get(field).is_empty());
    if !homeless || person.any(|c| c == ',') {
        return None;
    }
    let mut claim = vec!["".to_owned(); 37];
    for (at, value) in [
        (1, "RE"),
        (2, "1"),
        (3, "1112"),
        (4, "202601"),
        (5, person.get(R::KanjiName)),
        (6, person.get(R::Sex)),
        (7, person.get(R::BirthDate)),
        (14, "1"),
        (37, person.get(R::KanaName)),
    ] {
        value.clone_into(&mut claim[at - 1]);
    }
    let [insurer, symbol, number, branch] = [
        R::Insurer,
        R::InsuredSymbol,
        R::InsuredNumber,
        R::InsuredBranch,
    ]
    .map(|at| person.get(at));
    let text = format!(
        "IR,1,13,1,1234567,,,202601,00,\r\n{}\r\nHO,{insurer},{symbol},{number},1,1000\r\n\
         SN,1,01,,,,{branch},\r\nGO,1,1000,99\r\n",
        claim.join(",")
    );
    let (bytes, _, unmappable) = SHIFT_JIS.encode(&text);
    let back = SHIFT_JIS.decode_without_bom_handling(&bytes).0;
    // A few characters of CP932 can look like UTF-8, and nothing in the file says which it is.
    let clear = matches!(
        detect(&bytes),
        SourceEncoding::Cp932 | SourceEncoding::Ascii
    );
    (!unmappable && back == text && clear).then(|| bytes.into_owned())
}

/// A message in UTF-8.
pub(super) fn hl7(person: &Person) -> Option<String> {
    // Signs of JIS-Roman that readers take for delimiters.
    if person.any(|c| matches!(c, '¥' | '\u{203e}')) {
        return None;
    }
    let value = |field| {
        let mut out = String::new();
        for c in person.get(field).chars() {
            match c {
                '|' => out += "\\F\\",
                '^' => out += "\\S\\",
                '&' => out += "\\T\\",
                '~' => out += "\\R\\",
                '\\' => out += "\\E\\",
                c => out.push(c),
            }
        }
        out
    };
    let insured = [R::InsuredSymbol, R::InsuredNumber, R::InsuredBranch].map(value);
    let insurance = match value(R::Insurer) {
        insurer if insurer.is_empty() => String::new(),
        insurer => format!("IN1|1|06|{insurer}|||||||{}\r", insured.join("~")),
    };
    Some(format!(
        "MSH|^~\\&|HIS|H|GW|H|20260101||ADT^A08^ADT_A01|1|P|2.5||||||UNICODE UTF-8\r\
         PID|||1^^^^PI||{}^^^^^^L^I~{}^^^^^^L^P||{}|{}|||^^^^{}^JPN^H^{}\r{insurance}",
        value(R::KanjiName),
        value(R::KanaName),
        value(R::BirthDate),
        value(R::Sex),
        value(R::PostalCode),
        value(R::Address),
    ))
}

/// A message as SS-MIX2 prescribes it, each segment from the ASCII state.
pub(super) fn iso(message: &str) -> Option<Vec<u8>> {
    let message = message.replacen("UNICODE UTF-8", "~ISO IR87", 1);
    let mut out = Vec::new();
    for segment in message.split_inclusive('\r') {
        let (bytes, _, unmappable) = ISO_2022_JP.encode(segment);
        let back = ISO_2022_JP.decode_without_bom_handling(&bytes).0;
        if unmappable || back != segment {
            return None;
        }
        out.extend_from_slice(&bytes);
    }
    Some(out)
}

/// An object with the patient module and the start of the next one, in UTF-8.
pub(super) fn dicom(person: &Person) -> Option<Vec<u8>> {
    let (kanji, kana) = (person.get(R::KanjiName), person.get(R::KanaName));
    // Without written characters the reader takes the spoken name for a foreigner's.
    if kanji.is_empty()
        || [kanji, kana]
            .iter()
            .any(|name| name.contains(['=', '^', '\\']))
    {
        return None;
    }
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    let mut element = |group: u16, number: u16, vr: &[u8; 2], value: &str| {
        let mut value = value.as_bytes().to_vec();
        if value.len() % 2 == 1 {
            value.push(b' ');
        }
        out.extend_from_slice(&group.to_le_bytes());
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(vr);
        let length = u16::try_from(value.len()).expect("values are short");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&value);
    };
    element(2, 0x10, b"UI", "1.2.840.10008.1.2.1");
    element(8, 5, b"CS", "ISO_IR 192");
    element(0x10, 0x10, b"PN", &format!("={kanji}={kana}"));
    element(0x10, 0x20, b"LO", "1");
    element(0x10, 0x30, b"DA", person.get(R::BirthDate));
    element(0x10, 0x40, b"CS", person.get(R::Sex));
    element(0x10, 0x1040, b"LO", person.get(R::Address));
    element(0x20, 0xd, b"UI", "1.2");
    Some(out)
}
