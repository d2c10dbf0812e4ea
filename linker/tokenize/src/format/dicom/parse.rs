//! Walks over the elements of a DICOM object until the patient module has passed.

use super::Patient;
use crate::{
    error::ReadError,
    limits::{DICOM_DEPTH_MAX, DICOM_HEADER_BYTES_MAX},
};

/// Bytes before the mark.
pub(super) const PREAMBLE: usize = 128;
const MARK: &[u8] = b"DICM";

const IMPLICIT: &[u8] = b"1.2.840.10008.1.2";
const BIG_ENDIAN: &[u8] = b"1.2.840.10008.1.2.2";
/// The data set is compressed as a whole.
const DEFLATED: [&[u8]; 2] = [b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.8.1"];

const UNDEFINED: u32 = u32::MAX;
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);

type Tag = (u16, u16);

pub(super) fn looks_like(bytes: &[u8]) -> bool {
    if bytes.get(PREAMBLE..PREAMBLE + MARK.len()) == Some(MARK) {
        return true;
    }
    // Without a mark: the first element is of the meta or the identifying group and is short.
    let mut cursor = Cursor::start(bytes);
    let group = bytes.get(..2);
    if !matches!(group, Some([2 | 8, 0])) {
        return false;
    }
    cursor.syntax.implicit = !cursor.has_vr();
    cursor
        .header()
        .is_ok_and(|element| element.tag.1 < 0x20 && element.length <= 256)
}

/// The values of the patient module.
pub(super) fn patient(bytes: &[u8]) -> Result<Patient<'_>, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::Empty);
    }
    if !looks_like(bytes) {
        return Err(structure(
            "it has neither the mark DICM nor a first element of group 0002 or 0008",
        ));
    }
    let mut cursor = Cursor::start(bytes);
    if bytes.get(PREAMBLE..PREAMBLE + MARK.len()) == Some(MARK) {
        cursor.at = PREAMBLE + MARK.len();
    }
    cursor.syntax = cursor.meta()?;
    let mut patient = Patient::default();
    let mut before: Option<Tag> = None;
    loop {
        let element = cursor.header()?;
        if before.is_some_and(|before| before >= element.tag) {
            return Err(structure("its elements are not in order"));
        }
        before = Some(element.tag);
        // Only an element behind the module proves that the module is whole.
        if element.tag.0 > 0x0010 {
            return Ok(patient);
        }
        if element.length == UNDEFINED {
            cursor.pass_sequence(element.unknown)?;
            continue;
        }
        let value = cursor.value(element.length)?;
        match element.tag {
            (0x0008, 0x0005) => patient.charset = value,
            (0x0010, 0x0010) => patient.name = value,
            (0x0010, 0x0020) => patient.id = value,
            (0x0010, 0x0030) => patient.birth_date = value,
            (0x0010, 0x0040) => patient.sex = value,
            (0x0010, 0x1000) => patient.other_ids = value,
            (0x0010, 0x1005) => patient.birth_name = value,
            (0x0010, 0x1040) => patient.address = value,
            _ => {}
        }
    }
}

fn structure(rule: &'static str) -> ReadError {
    ReadError::Structure {
        format: "a DICOM object",
        rule,
    }
}

/// How elements are written.
#[derive(Clone, Copy)]
struct Syntax {
    implicit: bool,
    big_endian: bool,
}

/// Tag, length and what else a header says.
struct Element {
    tag: Tag,
    length: u32,
    /// Of unknown representation: if its length is undefined, its content is written implicitly.
    unknown: bool,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    syntax: Syntax,
    /// The bytes end at the bound of what is looked at, not at the end of the object.
    bounded: bool,
}

impl<'a> Cursor<'a> {
    fn start(bytes: &'a [u8]) -> Self {
        let end = bytes.len().min(DICOM_HEADER_BYTES_MAX);
        Self {
            bytes: &bytes[..end],
            at: 0,
            syntax: Syntax {
                implicit: false,
                big_endian: false,
            },
            bounded: bytes.len() >= DICOM_HEADER_BYTES_MAX,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let rest = &self.bytes[self.at..];
        match rest.get(..count) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None if self.bounded => Err(ReadError::TooLarge {
                what: "what comes before the end of the patient module",
                limit: DICOM_HEADER_BYTES_MAX,
            }),
            None => Err(ReadError::Truncated),
        }
    }

    fn short(&mut self) -> Result<u16, ReadError> {
        let pair = self.take(2)?.try_into().unwrap_or_default();
        Ok(if self.syntax.big_endian {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        })
    }

    fn long(&mut self) -> Result<u32, ReadError> {
        let (first, second) = (u32::from(self.short()?), u32::from(self.short()?));
        Ok(if self.syntax.big_endian {
            first << 16 | second
        } else {
            second << 16 | first
        })
    }

    fn value(&mut self, length: u32) -> Result<&'a [u8], ReadError> {
        // More than fits into memory is more than there is.
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Whether the next element names its representation.
    fn has_vr(&self) -> bool {
        let vr = self.bytes.get(self.at + 4..self.at + 6);
        vr.is_some_and(|vr| vr.iter().all(u8::is_ascii_uppercase))
    }

    fn header(&mut self) -> Result<Element, ReadError> {
        let tag = (self.short()?, self.short()?);
        // Items have no representation in any syntax.
        if self.syntax.implicit || tag.0 == ITEM.0 {
            let length = self.long()?;
            return Ok(Element {
                tag,
                length,
                unknown: false,
            });
        }
        let vr = self.take(2)?;
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(structure("an element names no representation"));
        }
        let wide = matches!(
            vr,
            b"OB"
                | b"OD"
                | b"OF"
                | b"OL"
                | b"OV"
                | b"OW"
                | b"SQ"
                | b"SV"
                | b"UC"
                | b"UN"
                | b"UR"
                | b"UT"
                | b"UV"
        );
        let length = if wide {
            self.take(2)?;
            self.long()?
        } else {
            u32::from(self.short()?)
        };
        let unknown = vr == b"UN";
        if length == UNDEFINED && vr != b"SQ" && !unknown {
            return Err(structure("a value that is no sequence has no length"));
        }
        Ok(Element {
            tag,
            length,
            unknown,
        })
    }

    /// Reads the meta group, always explicit and little endian, and says how the rest is written.
    fn meta(&mut self) -> Result<Syntax, ReadError> {
        let mut transfer: &[u8] = b"";
        while self.bytes.get(self.at..self.at + 2) == Some(&[2, 0]) {
            let element = self.header()?;
            let value = self.value(element.length)?;
            if element.tag == (0x0002, 0x0010) {
                transfer = value.trim_ascii_end();
                transfer = transfer.strip_suffix(b"\0").unwrap_or(transfer);
            }
        }
        if DEFLATED.contains(&transfer) {
            return Err(structure("its data set is compressed as a whole"));
        }
        Ok(Syntax {
            implicit: if transfer.is_empty() {
                !self.has_vr()
            } else {
                transfer == IMPLICIT
            },
            big_endian: transfer == BIG_ENDIAN,
        })
    }

    /// Passes over the items of a sequence without length, whatever is nested in them.
    fn pass_sequence(&mut self, unknown: bool) -> Result<(), ReadError> {
        let outer = self.syntax;
        let mut levels = vec![Level {
            item: false,
            syntax: inner(outer, unknown),
        }];
        while let Some(level) = levels.last() {
            if levels.len() > 2 * DICOM_DEPTH_MAX {
                return Err(ReadError::TooLarge {
                    what: "the depth of a sequence",
                    limit: DICOM_DEPTH_MAX,
                });
            }
            let (item, syntax) = (level.item, level.syntax);
            self.syntax = syntax;
            let element = self.header()?;
            match (item, element.tag) {
                (false, SEQUENCE_END) | (true, ITEM_END) => {
                    levels.pop();
                }
                (false, ITEM) if element.length == UNDEFINED => {
                    levels.push(Level { item: true, syntax });
                }
                (false, ITEM) => {
                    self.value(element.length)?;
                }
                (true, (group, _)) if group != ITEM.0 => {
                    if element.length == UNDEFINED {
                        levels.push(Level {
                            item: false,
                            syntax: inner(syntax, element.unknown),
                        });
                    } else {
                        self.value(element.length)?;
                    }
                }
                (true | false, _) => {
                    return Err(structure("a sequence holds something else than items"));
                }
            }
        }
        self.syntax = outer;
        Ok(())
    }
}

/// One nesting: a sequence, or an item in it.
struct Level {
    item: bool,
    syntax: Syntax,
}

/// The syntax inside a sequence: implicit and little endian in one of unknown representation.
fn inner(outer: Syntax, unknown: bool) -> Syntax {
    if unknown {
        Syntax {
            implicit: true,
            big_endian: false,
        }
    } else {
        outer
    }
}
