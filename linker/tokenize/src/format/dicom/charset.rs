//! Specific character sets of DICOM as Japanese devices use them.
//!
//! Names mix sets by escape sequences, and bytes of two-byte characters equal the delimiters `^`, `=`
//! and `\`. So a value is decoded with its escapes first and cut afterwards, as text.

use encoding_rs::{EUC_JP, SHIFT_JIS};
use zeroize::Zeroizing;

use crate::format::{SourceEncoding, encoding};

/// What stands for a character that cannot be read. The normaliser knows it as a wildcard.
const GETA: char = '〓';
const ESCAPE: u8 = 0x1b;

/// What (0008,0005) declares for the start of a value; escapes change it inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// ASCII only.
    Default,
    /// JIS X 0201: Roman letters and half-width kana.
    Kana,
    /// ISO 8859-1.
    Latin1,
    Utf8,
    /// A set of another language; its upper half is not read.
    Other,
}

/// Text of a value and what was noticed.
pub(super) struct Decoded {
    pub(super) text: Zeroizing<String>,
    /// Bytes are not in the declared sets and were read as what they look like.
    pub(super) disagrees: bool,
    pub(super) replaced: bool,
}

/// The set of the lower or the upper half.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Ascii,
    Kana,
    Jis208,
    Jis212,
    Latin1,
    None,
}

impl Charset {
    /// The first of the declared values; the others are named again by escapes.
    pub(super) fn parse(declared: &[u8]) -> Self {
        let first = declared.split(|&b| b == b'\\').next().unwrap_or(b"");
        let name = String::from_utf8_lossy(first).replace(['_', '\0'], " ");
        let name = name
            .trim()
            .trim_start_matches("ISO 2022")
            .trim_start_matches("ISO");
        match name.trim() {
            "" | "IR 6" | "IR 87" | "IR 159" => Self::Default,
            "IR 13" => Self::Kana,
            "IR 100" => Self::Latin1,
            "IR 192" => Self::Utf8,
            _ => Self::Other,
        }
    }

    pub(super) fn decode(self, value: &[u8]) -> Decoded {
        let escapes = value.contains(&ESCAPE);
        if self == Self::Utf8 && !escapes {
            let text = String::from_utf8_lossy(value);
            return Decoded {
                replaced: text.contains(char::REPLACEMENT_CHARACTER),
                text: Zeroizing::new(text.into_owned()),
                disagrees: false,
            };
        }
        if !escapes
            && !value.is_ascii()
            && let Some(decoded) = self.undeclared(value)
        {
            return decoded;
        }
        let mut state = State {
            low: Set::Ascii,
            high: self.high(),
            out: Zeroizing::new(String::with_capacity(value.len() + value.len() / 2)),
            replaced: false,
        };
        state.run(value);
        Decoded {
            text: state.out,
            disagrees: self == Self::Utf8,
            replaced: state.replaced,
        }
    }

    /// Devices that declare nothing, or half-width kana, and write CP932 or UTF-8 are common.
    fn undeclared(self, value: &[u8]) -> Option<Decoded> {
        let guess = match self {
            Self::Default => encoding::detect(value),
            // CP932 holds JIS X 0201, so what is honest reads alike.
            Self::Kana => SourceEncoding::Cp932,
            Self::Latin1 | Self::Utf8 | Self::Other => return None,
        };
        let text = match guess {
            SourceEncoding::Cp932 => {
                SHIFT_JIS.decode_without_bom_handling_and_without_replacement(value)?
            }
            SourceEncoding::Utf8 => std::str::from_utf8(value).ok()?.into(),
            SourceEncoding::Ascii
            | SourceEncoding::Iso2022Jp
            | SourceEncoding::Utf16
            | SourceEncoding::Unknown => return None,
        };
        let text = Zeroizing::new(text.into_owned());
        let is_declared = |c: char| c.is_ascii() || ('｡'..='ﾟ').contains(&c);
        Some(Decoded {
            disagrees: self == Self::Default || !text.chars().all(is_declared),
            text,
            replaced: false,
        })
    }

    fn high(self) -> Set {
        match self {
            Self::Kana => Set::Kana,
            Self::Latin1 => Set::Latin1,
            Self::Default | Self::Utf8 | Self::Other => Set::None,
        }
    }
}

struct State {
    low: Set,
    high: Set,
    out: Zeroizing<String>,
    replaced: bool,
}

impl State {
    fn run(&mut self, value: &[u8]) {
        let mut rest = value;
        while let Some((&first, after)) = rest.split_first() {
            if first == ESCAPE {
                rest = self.escape(after);
                continue;
            }
            let two =
                matches!(self.low, Set::Jis208 | Set::Jis212) && (0x21..=0x7e).contains(&first);
            if !two {
                self.single(first);
                rest = after;
            } else if let Some((&second, after)) = after.split_first() {
                let pair = [first | 0x80, second | 0x80];
                if self.low == Set::Jis212 {
                    self.push(&[0x8f, pair[0], pair[1]]);
                } else {
                    self.push(&pair);
                }
                rest = after;
            } else {
                self.replace();
                return;
            }
        }
    }

    /// Takes what follows an escape; what follows the sequence comes back.
    fn escape<'a>(&mut self, after: &'a [u8]) -> &'a [u8] {
        const SEQUENCES: [(&[u8], bool, Set); 8] = [
            (b"(B", true, Set::Ascii),
            (b"(J", true, Set::Ascii),
            (b"$B", true, Set::Jis208),
            (b"$@", true, Set::Jis208),
            (b"$(D", true, Set::Jis212),
            (b"(I", true, Set::Kana),
            (b")I", false, Set::Kana),
            (b"-A", false, Set::Latin1),
        ];
        for (sequence, low, set) in SEQUENCES {
            if let Some(rest) = after.strip_prefix(sequence) {
                if low {
                    self.low = set;
                } else {
                    self.high = set;
                }
                return rest;
            }
        }
        // Another language: its bytes are replaced one by one.
        self.replace();
        after
    }

    fn single(&mut self, byte: u8) {
        let set = if byte < 0x80 { self.low } else { self.high };
        match (set, byte) {
            (Set::Kana, 0x21..=0x5f) => self.push(&[0x8e, byte | 0x80]),
            (Set::Kana, 0xa1..=0xdf) => self.push(&[0x8e, byte]),
            (Set::Latin1, 0xa0..=0xff) => self.out.push(char::from(byte)),
            (_, 0..=0x7f) => self.out.push(char::from(byte)),
            _ => self.replace(),
        }
    }

    fn push(&mut self, euc: &[u8]) {
        match EUC_JP.decode_without_bom_handling_and_without_replacement(euc) {
            Some(text) => self.out.push_str(&text),
            None => self.replace(),
        }
    }

    fn replace(&mut self) {
        self.replaced = true;
        self.out.push(GETA);
    }
}
