//! The parts of FHIR resources that are read. Everything else is skipped without a copy.

use std::{fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::walk::{Kind, Resource};
use crate::{
    limits::FHIR_ITEMS_MAX,
    refuse::{RefusedNumber, header_hint},
};

/// A text that is wiped when dropped.
#[derive(Clone, Default)]
pub(super) struct Text(Zeroizing<String>);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Zeroizing::new(text.to_owned())))
            }
        }
        reader.deserialize_str(TextVisitor)
    }
}

/// A list of at most [`FHIR_ITEMS_MAX`] items.
pub(super) struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() >= FHIR_ITEMS_MAX {
                        return Err(de::Error::custom("too many items"));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        reader.deserialize_seq(ListVisitor(PhantomData))
    }
}

#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(rename = "resourceType")]
    pub(super) kind: Option<Text>,
}

impl Head {
    /// The head of one JSON value. A list would do for any struct here, so objects only are taken.
    pub(super) fn of(json: &str) -> Result<Self, serde_json::Error> {
        match serde_json::from_str::<Self>(json) {
            Ok(_) if !json.trim_start().starts_with('{') => Err(de::Error::custom("no object")),
            other => other,
        }
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    pub(super) fn resource(self, json: &str, url: Option<Text>, history: bool) -> Resource<'_> {
        let kind = match self.kind.as_deref() {
            Some("Patient") => Kind::Patient,
            Some("Coverage") => Kind::Coverage,
            Some("Organization") => Kind::Organization,
            _ => Kind::Other,
        };
        Resource {
            kind,
            json,
            url,
            history,
        }
    }
}

/// What a Bundle says about itself.
#[derive(Deserialize)]
pub(super) struct BundleHead {
    #[serde(rename = "type")]
    kind: Option<Text>,
}

impl BundleHead {
    /// Whether the entries are versions of resources, the newest first.
    pub(super) fn is_history(&self) -> bool {
        self.kind.as_deref() == Some("history")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'b> {
    pub(super) full_url: Option<Text>,
    #[serde(borrow)]
    pub(super) resource: Option<&'b RawValue>,
    pub(super) request: Option<Request>,
}

/// What was, or is to be, done with a resource.
#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) method: Option<Text>,
    pub(super) url: Option<Text>,
}

impl Request {
    /// The patient that is deleted, as `Patient/id`.
    pub(super) fn deleted_patient(self) -> Option<Text> {
        (self.method.as_deref() == Some("DELETE")).then_some(())?;
        let url = self.url?;
        // The address may be absolute.
        let at = url.rfind("Patient/")?;
        let tail = &url[at..];
        let whole = at == 0 || url[..at].ends_with('/');
        (whole && tail.len() > "Patient/".len()).then(|| Text(Zeroizing::new(tail.to_owned())))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct Patient {
    pub(super) id: Option<Text>,
    pub(super) meta: Meta,
    pub(super) link: List<Link>,
    pub(super) identifier: List<Identifier>,
    pub(super) name: List<HumanName>,
    pub(super) gender: Option<Text>,
    pub(super) birth_date: Option<Text>,
    pub(super) address: List<Address>,
    pub(super) telecom: List<ContactPoint>,
    pub(super) deceased_boolean: Option<bool>,
    pub(super) deceased_date_time: Option<Text>,
    pub(super) multiple_birth_boolean: Option<bool>,
    pub(super) multiple_birth_integer: Option<i64>,
}

/// What is said about the resource and not about the person.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Meta {
    pub(super) security: List<Coding>,
    pub(super) tag: List<Coding>,
}

/// A tie to another record of the same person.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Link {
    #[serde(rename = "type")]
    pub(super) kind: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct HumanName {
    #[serde(rename = "use")]
    pub(super) purpose: Option<Text>,
    pub(super) text: Option<Text>,
    pub(super) family: Option<Text>,
    /// A part that is absent is `null` where it has extensions.
    pub(super) given: List<Option<Text>>,
    pub(super) extension: List<Extension>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Address {
    #[serde(rename = "use")]
    pub(super) purpose: Option<Text>,
    pub(super) text: Option<Text>,
    pub(super) state: Option<Text>,
    pub(super) city: Option<Text>,
    pub(super) line: List<Option<Text>>,
    pub(super) postal_code: Option<Text>,
}

/// A telephone, an address of electronic mail and the like.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ContactPoint {
    pub(super) system: Option<Text>,
    pub(super) value: Option<Text>,
    #[serde(rename = "use")]
    pub(super) purpose: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Extension {
    pub(super) url: Option<Text>,
    pub(super) value_code: Option<Text>,
    pub(super) value_string: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Identifier {
    pub(super) system: Option<Text>,
    pub(super) value: Option<Text>,
    #[serde(rename = "type")]
    pub(super) kind: Concept,
    pub(super) extension: List<Extension>,
}

impl Identifier {
    /// The forbidden number that the identifier says it is.
    pub(super) fn forbidden(&self) -> Option<RefusedNumber> {
        let codings = self.kind.coding.iter();
        let texts = codings.flat_map(|coding| [&coding.display, &coding.code, &coding.system]);
        let mut texts = texts.chain([&self.system, &self.kind.text]).flatten();
        texts.find_map(|text| header_hint(text))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Concept {
    pub(super) coding: List<Coding>,
    pub(super) text: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Coding {
    pub(super) system: Option<Text>,
    pub(super) code: Option<Text>,
    pub(super) display: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Coverage<'b> {
    pub(super) status: Option<Text>,
    pub(super) identifier: List<Identifier>,
    pub(super) extension: List<Extension>,
    pub(super) dependent: Option<Text>,
    pub(super) beneficiary: Reference,
    pub(super) payor: List<Reference>,
    pub(super) period: Period,
    #[serde(borrow)]
    pub(super) contained: List<&'b RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Period {
    pub(super) start: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Reference {
    pub(super) reference: Option<Text>,
    pub(super) identifier: Identifier,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Organization {
    pub(super) id: Option<Text>,
    pub(super) identifier: List<Identifier>,
}
