//! Canonical bytes: little-endian integers and length-prefixed strings, read back strictly.

use crate::error::TokenError;

/// Writes canonical bytes.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Starts with an eight-byte magic that names structure and version.
    #[must_use]
    pub fn new(magic: [u8; 8]) -> Self {
        Self {
            bytes: magic.to_vec(),
        }
    }

    /// The same with room for `bytes` after the magic: whoever wipes the result wants no copy of its
    /// beginning left behind by growing.
    #[must_use]
    pub fn with_room(magic: [u8; 8], bytes: usize) -> Self {
        let mut all = Vec::with_capacity(magic.len() + bytes);
        all.extend_from_slice(&magic);
        Self { bytes: all }
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes of a length that both sides know.
    pub fn fixed(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// Text with its length in four bytes before it.
    ///
    /// # Panics
    /// If the text is longer than four gigabytes, which no bound of this crate allows.
    pub fn text(&mut self, value: &str) {
        self.u32(u32::try_from(value.len()).expect("texts are bounded far below 4 GiB"));
        self.fixed(value.as_bytes());
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads canonical bytes and refuses everything that [`Writer`] would not have written.
#[derive(Debug)]
pub struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the magic.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if the bytes do not start with it.
    pub fn new(what: &'static str, magic: [u8; 8], bytes: &'a [u8]) -> Result<Self, TokenError> {
        let mut reader = Self { what, rest: bytes };
        if reader.fixed::<8>()? == magic {
            Ok(reader)
        } else {
            Err(reader.refuse("unknown format or version"))
        }
    }

    /// An error about this structure.
    #[must_use]
    pub fn refuse(&self, rule: &'static str) -> TokenError {
        TokenError::Malformed {
            what: self.what,
            rule,
        }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], TokenError> {
        let (head, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| self.refuse("it ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if fewer are left.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], TokenError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.refuse("it ends early"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if fewer are left.
    pub fn u32(&mut self) -> Result<u32, TokenError> {
        self.fixed().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if fewer are left.
    pub fn u64(&mut self) -> Result<u64, TokenError> {
        self.fixed().map(u64::from_le_bytes)
    }

    /// Length-prefixed text of at most `limit` bytes.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if it is longer, cut off or not UTF-8.
    pub fn text(&mut self, limit: usize) -> Result<&'a str, TokenError> {
        let length = self.u32()? as usize;
        if length > limit {
            return Err(self.refuse("a text is too long"));
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .ok()
            .ok_or_else(|| self.refuse("a text is not UTF-8"))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if bytes are left over.
    pub fn finish(self) -> Result<(), TokenError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.refuse("it goes on after its end"))
        }
    }
}
