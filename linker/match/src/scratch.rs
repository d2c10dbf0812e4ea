//! Where rows wait while a run works on a part of them.

use std::{collections::BTreeMap, error::Error};

/// What went wrong with scratch space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScratchFault {
    /// There is no room for more.
    Full,
    /// What comes back is not what was handed over.
    Damaged,
    /// Reading or writing failed.
    Io,
}

impl ScratchFault {
    /// Stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "scratch-full",
            Self::Damaged => "scratch-damaged",
            Self::Io => "scratch-io",
        }
    }
}

/// Scratch space failed. The cause carries no bytes of a part.
#[derive(Debug, thiserror::Error)]
#[error("the scratch space failed: {}", self.fault.code())]
pub struct ScratchError {
    fault: ScratchFault,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ScratchError {
    /// A fault without a cause of its own.
    #[must_use]
    pub fn new(fault: ScratchFault) -> Self {
        Self { fault, cause: None }
    }

    /// A fault and what caused it.
    #[must_use]
    pub fn caused(fault: ScratchFault, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let cause = Some(cause.into());
        Self { fault, cause }
    }

    /// What went wrong.
    #[must_use]
    pub fn fault(&self) -> ScratchFault {
        self.fault
    }
}

/// Parts of bytes, written once and read once. An implementation on disk seals them: they are rows.
/// Parts that a cancelled or failed run leaves behind are deleted by the implementation.
pub trait Scratch: Send {
    /// Adds bytes to a part. Parts come into being by being named; a part that was taken is empty.
    ///
    /// # Errors
    /// [`ScratchError`]; the run ends.
    fn append(&mut self, part: u32, bytes: &[u8]) -> Result<(), ScratchError>;

    /// Hands out the part's bytes in the order of appending, in pieces of any size, and forgets the
    /// part. A part that was never named has no bytes.
    ///
    /// # Errors
    /// [`ScratchError`]; what `sink` has seen by then is not to be used.
    fn take(&mut self, part: u32, sink: &mut dyn FnMut(&[u8])) -> Result<(), ScratchError>;

    /// The most bytes that waited at one time.
    fn peak_bytes(&self) -> u64;
}

/// Scratch space in memory, for tests: it can be made to run full and to damage what it holds.
#[derive(Debug, Default)]
pub struct Memory {
    parts: BTreeMap<u32, Vec<u8>>,
    held: u64,
    peak: u64,
    appends: u64,
    fail_at: Option<(u64, ScratchFault)>,
}

impl Memory {
    /// Scratch space whose append or take number `call`, counted from 0, fails.
    #[must_use]
    pub fn failing(call: u64, fault: ScratchFault) -> Self {
        Self {
            fail_at: Some((call, fault)),
            ..Self::default()
        }
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.appends
    }

    /// Parts that were not taken.
    #[must_use]
    pub fn parts_left(&self) -> usize {
        self.parts.len()
    }

    fn call(&mut self) -> Result<(), ScratchError> {
        let call = self.appends;
        self.appends += 1;
        match self.fail_at {
            Some((at, fault)) if at == call => Err(ScratchError::new(fault)),
            _ => Ok(()),
        }
    }
}

impl Scratch for Memory {
    fn append(&mut self, part: u32, bytes: &[u8]) -> Result<(), ScratchError> {
        self.call()?;
        self.parts.entry(part).or_default().extend_from_slice(bytes);
        self.held += bytes.len() as u64;
        self.peak = self.peak.max(self.held);
        Ok(())
    }

    fn take(&mut self, part: u32, sink: &mut dyn FnMut(&[u8])) -> Result<(), ScratchError> {
        self.call()?;
        let bytes = self.parts.remove(&part).unwrap_or_default();
        self.held -= bytes.len() as u64;
        // Odd pieces, so that a reader that counts on whole rows is found out.
        bytes.chunks(1009).for_each(sink);
        Ok(())
    }

    fn peak_bytes(&self) -> u64 {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(scratch: &mut Memory, part: u32) -> Vec<u8> {
        let mut all = Vec::new();
        let mut sink = |bytes: &[u8]| all.extend_from_slice(bytes);
        scratch.take(part, &mut sink).expect("nothing fails");
        all
    }

    #[test]
    fn parts_come_back_once_and_in_order() {
        let mut scratch = Memory::default();
        for byte in 0..200 {
            let part = u32::from(byte % 2);
            scratch.append(part, &[byte; 31]).expect("nothing fails");
        }
        let odd: Vec<u8> = (0..100).flat_map(|byte| [2 * byte + 1; 31]).collect();
        assert_eq!(taken(&mut scratch, 1), odd);
        assert_eq!(taken(&mut scratch, 1), []);
        assert_eq!((scratch.parts_left(), scratch.peak_bytes()), (1, 6200));
    }

    #[test]
    fn it_fails_where_it_is_told_to() {
        let mut scratch = Memory::failing(1, ScratchFault::Full);
        assert!(scratch.append(0, &[1]).is_ok());
        let full = scratch.append(0, &[1]).map_err(|error| error.fault());
        assert_eq!(full, Err(ScratchFault::Full));
        assert!(scratch.append(0, &[1]).is_ok());
    }
}
