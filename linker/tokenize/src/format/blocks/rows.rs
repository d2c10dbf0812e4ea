//! A file in blocks, cut into rows.

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};

use super::{File, Stopped, Unread};
use crate::format::{
    encoding::BOM,
    rows::{RowEnd, Rows, Span},
};

/// How a file is cut into rows.
#[derive(Clone, Copy)]
pub(in crate::format) struct Cut {
    /// Bytes that count; what stands behind them is not read.
    pub(in crate::format) length: u64,
    pub(in crate::format) delimiter: u8,
    pub(in crate::format) quotes: bool,
    /// Whether a mark at the beginning is left out, and UTF-16 becomes UTF-8.
    pub(in crate::format) marked: bool,
}

/// One row of a walk: its number, its bytes, where its fields lie in them, how it ended.
pub(in crate::format) struct Row<'a> {
    pub(in crate::format) number: u64,
    pub(in crate::format) bytes: &'a [u8],
    pub(in crate::format) fields: &'a [Span],
    pub(in crate::format) end: RowEnd,
}

impl<E> File<'_, E> {
    /// Hands every block to `see`, and then every row that ends in it to `take`.
    pub(in crate::format) fn rows(
        &mut self,
        cut: Cut,
        mut see: impl FnMut(&[u8]),
        mut take: impl FnMut(Row<'_>) -> Result<(), Stopped<E>>,
    ) -> Result<(), Stopped<E>> {
        let mut window = Window::new(cut.marked);
        let mut fields = Vec::new();
        let (mut number, mut skipping) = (0, false);
        self.walk(cut.length, |block, whole| {
            see(block);
            window.take_in(block, whole);
            let unread = window.unread.bytes();
            let mut rows = Rows::part(unread, cut.delimiter, cut.quotes, whole, skipping);
            while let Some((bytes, end)) = rows.next(&mut fields) {
                number += 1;
                let fields = &fields;
                take(Row {
                    number,
                    bytes,
                    fields,
                    end,
                })?;
            }
            let (read, still) = rows.state();
            window.unread.consume(read);
            skipping = still;
            Ok(true)
        })
    }
}

/// Rows that are not yet read.
struct Window {
    unread: Unread,
    /// Only UTF-16 becomes another text before rows are cut.
    decoder: Option<Decoder>,
    first: bool,
}

impl Window {
    fn new(marked: bool) -> Self {
        Self {
            unread: Unread::default(),
            decoder: None,
            first: marked,
        }
    }

    /// Puts a block's text behind the rows that are not yet read.
    fn take_in(&mut self, mut block: &[u8], last: bool) {
        if std::mem::take(&mut self.first) {
            let utf16 = match block {
                [0xff, 0xfe, ..] => Some(UTF_16LE),
                [0xfe, 0xff, ..] => Some(UTF_16BE),
                _ => None,
            };
            self.decoder = utf16.map(|encoding| encoding.new_decoder_with_bom_removal());
            block = block.strip_prefix(BOM).unwrap_or(block);
        }
        let Some(decoder) = &mut self.decoder else {
            return self.unread.add(block);
        };
        let room = decoder.max_utf8_buffer_length(block.len());
        let free = self.unread.free(room.unwrap_or(usize::MAX));
        // The room is enough for all of it, and a damaged unit becomes the mark of one.
        let written = decoder.decode_to_utf8(block, free, last).2;
        self.unread.filled(written);
    }
}
