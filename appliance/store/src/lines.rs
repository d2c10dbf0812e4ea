//! Files of lines: site number, reference, ID or pseudonym; 34 bytes each, sorted, sealed.

use linker_token::{RecordRef, SiteId};

use crate::{
    error::StoreError,
    limits::{LINE_BYTES, LINE_FRAME_BYTES, SITES_MAX},
    record::{Assignment, ReleaseLine},
    sealed::SealedFile,
};

/// One line's bytes: big-endian, so that bytes sort as lines do.
pub(crate) type Line = [u8; LINE_BYTES];

/// Something that is one line of a file.
pub(crate) trait AsLine: Copy + Ord {
    fn to_line(self) -> Line;
    fn from_line(line: &Line) -> Self;
}

impl AsLine for Assignment {
    fn to_line(self) -> Line {
        join(self.site, self.reference, self.research_id)
    }

    fn from_line(line: &Line) -> Self {
        let (site, reference, research_id) = cut(line);
        Self {
            site,
            reference,
            research_id,
        }
    }
}

impl AsLine for ReleaseLine {
    fn to_line(self) -> Line {
        join(self.site, self.reference, self.pseudonym)
    }

    fn from_line(line: &Line) -> Self {
        let (site, reference, pseudonym) = cut(line);
        Self {
            site,
            reference,
            pseudonym,
        }
    }
}

/// The part of a line that names a record.
pub(crate) fn key_of(line: &Line) -> &[u8] {
    &line[..18]
}

fn join(site: u16, reference: RecordRef, id: [u8; 16]) -> Line {
    let mut line = [0; LINE_BYTES];
    line[..2].copy_from_slice(&site.to_be_bytes());
    line[2..18].copy_from_slice(&reference.0);
    line[18..].copy_from_slice(&id);
    line
}

fn cut(line: &Line) -> (u16, RecordRef, [u8; 16]) {
    let (site, rest) = line.split_first_chunk::<2>().expect("a line has 34 bytes");
    let (reference, id) = rest.split_first_chunk::<16>().expect("a line has 34 bytes");
    let id = id.try_into().expect("a line has 34 bytes");
    (u16::from_be_bytes(*site), RecordRef(*reference), id)
}

/// Sorts lines and refuses what would make two answers for one record.
pub(crate) fn sort<T: AsLine>(sites: &[SiteId], lines: &mut [T]) -> Result<(), StoreError> {
    let refuse = |rule| Err(StoreError::Refused { rule });
    if sites.len() > SITES_MAX {
        return Err(StoreError::TooLarge {
            what: "the list of sites",
            limit: SITES_MAX as u64,
        });
    }
    if !sites.is_sorted_by(|a, b| a < b) {
        return refuse("sites are sorted and named once");
    }
    lines.sort_unstable();
    let last = lines.last().map(|line| line.to_line());
    if last.is_some_and(|line| usize::from(cut(&line).0) >= sites.len()) {
        return refuse("a line names a site that is not listed");
    }
    let twice = |pair: &[T]| key_of(&pair[0].to_line()) == key_of(&pair[1].to_line());
    if lines.windows(2).any(twice) {
        return refuse("a record has one line");
    }
    Ok(())
}

/// Reads up to `limit` lines from line `start` on.
pub(crate) fn read<T: AsLine>(
    file: &SealedFile,
    start: u64,
    limit: usize,
) -> Result<Vec<T>, StoreError> {
    let mut lines = Vec::new();
    let mut frame = start / lines_per_frame();
    let mut skip = usize::try_from(start % lines_per_frame()).expect("a frame has few lines");
    while lines.len() < limit && frame < file.frames() {
        let plaintext = file.frame(frame)?;
        let found = plaintext.as_chunks::<LINE_BYTES>().0.iter().skip(skip);
        lines.extend(found.take(limit - lines.len()).map(T::from_line));
        skip = 0;
        frame += 1;
    }
    Ok(lines)
}

/// Finds the line of one record by halving: frames first, then lines of one frame.
pub(crate) fn find(
    file: &SealedFile,
    site: u16,
    reference: RecordRef,
) -> Result<Option<[u8; 16]>, StoreError> {
    let wanted = join(site, reference, [0; 16]);
    let (mut low, mut high) = (0, file.frames());
    while low < high {
        let middle = low + (high - low) / 2;
        let plaintext = file.frame(middle)?;
        let lines = plaintext.as_chunks::<LINE_BYTES>().0;
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            return Ok(None);
        };
        if key_of(&wanted) < key_of(first) {
            high = middle;
        } else if key_of(&wanted) > key_of(last) {
            low = middle + 1;
        } else {
            let found = lines.binary_search_by(|line| key_of(line).cmp(key_of(&wanted)));
            return Ok(found.ok().map(|index| cut(&lines[index]).2));
        }
    }
    Ok(None)
}

fn lines_per_frame() -> u64 {
    (LINE_FRAME_BYTES / LINE_BYTES) as u64
}
