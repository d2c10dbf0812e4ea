//! Walks an XML document: elements by name inside the root's namespace, with the text of leaves.
//!
//! Nothing is expanded: a document type declaration and entities of the document's own refuse the file.
//! Depth, tags and values are bounded, and text of parts that nobody reads is passed by without a copy.

mod document;

pub(super) use document::{Document, starts_with_root};
use quick_xml::{
    XmlVersion,
    errors::{Error, IllFormedError, SyntaxError},
    events::{BytesRef, BytesStart, Event},
    name::ResolveResult,
    reader::NsReader,
};
use zeroize::Zeroizing;

use super::SourceEncoding;
use crate::{
    error::{ReadError, RowError},
    limits::{VALUE_BYTES_MAX, XML_DEPTH_MAX, XML_TAG_BYTES_MAX},
};

impl Document<'_> {
    /// Starts to walk. `names` are the elements that matter; all others are seen without a name.
    pub(super) fn walk(&self, names: &'static [&'static str], format: &'static str) -> Walker<'_> {
        let mut reader = NsReader::from_str(&self.text);
        reader.config_mut().expand_empty_elements = true;
        Walker {
            document: self,
            reader,
            names,
            format,
            namespace: None,
            path: Vec::new(),
            closing: false,
            text: Zeroizing::new(String::with_capacity(VALUE_BYTES_MAX)),
            before: Zeroizing::new(String::with_capacity(VALUE_BYTES_MAX)),
            too_long: false,
            disagrees: false,
        }
    }
}

/// What a walk comes to.
pub(super) enum Node<'t> {
    /// An element starts; the last name of the path is its own.
    Open(BytesStart<'t>),
    /// It ends; the path still names it, and its text is there if it is a leaf.
    Close,
}

/// The walk.
pub(super) struct Walker<'t> {
    document: &'t Document<'t>,
    reader: NsReader<&'t [u8]>,
    names: &'static [&'static str],
    format: &'static str,
    /// Of the root element; elements of other namespaces have no name here.
    namespace: Option<Option<String>>,
    path: Vec<&'static str>,
    closing: bool,
    text: Zeroizing<String>,
    /// The text between the start of the parent and the element that starts now.
    before: Zeroizing<String>,
    too_long: bool,
    disagrees: bool,
}

impl<'t> Walker<'t> {
    /// The next start or end of an element; `None` at the end of the document.
    pub(super) fn next(&mut self) -> Result<Option<Node<'t>>, ReadError> {
        if std::mem::take(&mut self.closing) {
            self.path.pop();
            self.clear();
        }
        loop {
            let format = self.format;
            let (resolved, event) = self
                .reader
                .read_resolved_event()
                .map_err(|error| fault(&error, format))?;
            match event {
                Event::Start(tag) => {
                    let own = match resolved {
                        ResolveResult::Unbound => Some(None),
                        ResolveResult::Bound(namespace) => Some(Some(namespace.0)),
                        ResolveResult::Unknown(_) => None,
                    };
                    let root = self.path.is_empty();
                    if root && self.namespace.is_none() {
                        self.namespace = own.map(|own| own.map(str::to_owned));
                    } else if root {
                        return Err(self.structure("it has more than one root element"));
                    }
                    let same = own.is_some_and(|own| {
                        self.namespace
                            .as_ref()
                            .is_some_and(|at| at.as_deref() == own)
                    });
                    self.open(&tag, same)?;
                    return Ok(Some(Node::Open(tag)));
                }
                Event::End(_) => {
                    self.closing = true;
                    return Ok(Some(Node::Close));
                }
                Event::Text(text) => self.append(&text.xml10_content()),
                Event::CData(text) => self.append(&text.xml10_content()),
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(_) => {
                    return Err(self.structure("it has a document type declaration"));
                }
                Event::Decl(decl) => {
                    let declared = decl.encoding().and_then(Result::ok);
                    self.declared(declared.as_deref().unwrap_or("UTF-8"));
                }
                Event::Eof if !self.path.is_empty() => return Err(ReadError::Truncated),
                Event::Eof if self.namespace.is_none() => {
                    return Err(self.structure("it has no root element"));
                }
                Event::Eof => return Ok(None),
                Event::Empty(_) | Event::Comment(_) | Event::PI(_) => {}
            }
        }
    }

    /// Names of the open elements, the root first; an empty name is one that does not matter.
    pub(super) fn path(&self) -> &[&'static str] {
        &self.path
    }

    /// The namespace of the root element.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_ref().and_then(|name| name.as_deref())
    }

    /// Whether the declared encoding is not that of the bytes.
    pub(super) fn disagrees(&self) -> bool {
        self.disagrees
    }

    /// Compares what a document says about its encoding, outside its XML declaration too.
    pub(super) fn declared(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        let utf8 = name == "utf-8" || name == "utf8";
        self.disagrees |= match self.document.encoding {
            SourceEncoding::Cp932 => utf8,
            SourceEncoding::Utf8 => !utf8,
            SourceEncoding::Ascii
            | SourceEncoding::Iso2022Jp
            | SourceEncoding::Utf16
            | SourceEncoding::Unknown => false,
        };
    }

    /// The text of the leaf that ends here.
    pub(super) fn value(&self, field: &'static str) -> Result<&str, RowError> {
        if self.too_long {
            let limit = VALUE_BYTES_MAX;
            return Err(RowError::TooLong { field, limit });
        }
        self.checked(self.text.trim(), field)
    }

    /// The text of the parent before an element that starts here.
    pub(super) fn before(&self) -> &str {
        self.before.trim()
    }

    /// The value of an attribute of an element that starts here.
    pub(super) fn attribute(
        &self,
        tag: &BytesStart<'_>,
        name: &str,
        field: &'static str,
    ) -> Result<Option<Zeroizing<String>>, RowError> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_no_value_may_be_said| RowError::Malformed)?;
            if attribute.key.as_ref() == name {
                let value = attribute
                    .normalized_value(XmlVersion::Implicit1_0)
                    .map_err(|_no_value_may_be_said| RowError::Malformed)?;
                let value = Zeroizing::new(value.into_owned());
                self.checked(&value, field)?;
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn checked<'v>(&self, value: &'v str, field: &'static str) -> Result<&'v str, RowError> {
        if self.document.damaged && value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(RowError::Bytes { field });
        }
        Ok(value)
    }

    fn open(&mut self, tag: &BytesStart<'_>, same_namespace: bool) -> Result<(), ReadError> {
        for (what, size, limit) in [
            ("the depth of elements", self.path.len() + 1, XML_DEPTH_MAX),
            ("a tag", tag.len(), XML_TAG_BYTES_MAX),
        ] {
            if size > limit {
                return Err(ReadError::TooLarge { what, limit });
            }
        }
        let name = tag.local_name();
        let known = self.names.iter().find(|&&known| known == name.as_ref());
        let known = known.filter(|_| same_namespace).copied();
        self.path.push(known.unwrap_or(""));
        std::mem::swap(&mut self.text, &mut self.before);
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.text.clear();
        self.too_long = false;
    }

    fn append(&mut self, piece: &str) {
        if self.path.last().is_none_or(|name| name.is_empty()) {
            return;
        }
        if self.text.len() + piece.len() > VALUE_BYTES_MAX {
            self.too_long = !piece.trim().is_empty() || self.too_long;
        } else {
            self.text.push_str(piece);
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), ReadError> {
        let character = match &**reference {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        let character = character
            .ok_or_else(|| self.structure("it uses an entity that XML does not define"))?;
        self.append(character.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn structure(&self, rule: &'static str) -> ReadError {
        let format = self.format;
        ReadError::Structure { format, rule }
    }
}

/// The parser's words may hold text of the file, so only their kind is kept.
fn fault(error: &Error, format: &'static str) -> ReadError {
    let rule = match error {
        Error::Syntax(SyntaxError::InvalidBangMarkup) => "it is not well-formed XML",
        Error::Syntax(_) | Error::IllFormed(IllFormedError::UnclosedReference) => {
            return ReadError::Truncated;
        }
        Error::Namespace(_) => "its namespaces are wrong",
        Error::IllFormed(_)
        | Error::Io(_)
        | Error::InvalidAttr(_)
        | Error::Encoding(_)
        | Error::Escape(_) => "it is not well-formed XML",
    };
    ReadError::Structure { format, rule }
}
