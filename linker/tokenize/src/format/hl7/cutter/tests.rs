//! Messages of files in blocks against those of files in memory.

use std::convert::Infallible;

use proptest::prelude::*;

use super::{super::Messages, *};
use crate::format::blocks::bytes_of;

/// A message's bytes, and whether it is cut.
type Cut = (Vec<u8>, bool);

fn in_blocks(bytes: &[u8], block: usize) -> (Vec<Cut>, bool) {
    let mut bytes_at = bytes_of::<Infallible>(bytes);
    let mut file = File::new(bytes.len() as u64, &mut bytes_at).in_blocks_of(block);
    let (mut envelope, mut found) = (Envelope::default(), Vec::new());
    let walked = messages(
        &mut file,
        |block| envelope.add(block),
        |message| {
            found.push((message.bytes.to_vec(), message.cut));
            Ok(())
        },
    );
    assert_eq!(walked, Ok(()));
    (found, envelope.is_closed())
}

/// The same from all bytes at once.
fn slow(bytes: &[u8]) -> (Vec<Cut>, bool) {
    let messages = Messages::new(bytes).map(|message| (message.bytes.to_vec(), message.cut));
    let starts = |kind: &[u8]| {
        let mut segments = bytes.split(|&b| matches!(b, b'\r' | b'\n'));
        segments.any(|segment| segment.starts_with(kind))
    };
    let closed = (!starts(b"FHS|") || starts(b"FTS|")) && (!starts(b"BHS|") || starts(b"BTS|"));
    (messages.collect(), closed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn blocks_change_no_message(
        parts in prop::collection::vec(prop::sample::select(vec![
            "MSH|^~\\&|A|B", "MSH|", "MSH", "M", "SH|", "PID|1||2", "\r", "\n", "\r\n", "\u{b}", "\u{1c}", "\u{feff}",
            "FHS|", "FTS|", "BHS|", "BTS|", "x", " ",
        ]), 0..24),
        block in 4_usize..40,
    ) {
        let bytes = parts.concat().into_bytes();
        prop_assert_eq!(in_blocks(&bytes, block), slow(&bytes));
    }
}

#[test]
fn of_a_message_that_is_too_long_only_its_length_and_its_end_are_known() {
    let long = "x".repeat(3 * ADT_BYTES_MAX);
    let short = "MSH|^~\\&|||||||ADT^A08\rPID|1\r";
    for (start, end) in [
        ("", ""),
        ("", "\r"),
        ("\u{b}", "\r\u{1c}\r"),
        ("\u{b}", "\r"),
        ("", "\u{1c}x"),
    ] {
        let bytes = format!("{short}{start}MSH|^~\\&|||||||ADT^A08\rZZZ|{long}{end}\r{short}");
        for block in [4096, 65_536, usize::MAX] {
            let (quick, _) = in_blocks(bytes.as_bytes(), block);
            let (slow, _) = slow(bytes.as_bytes());
            assert_eq!(quick.len(), slow.len());
            for ((quick, quick_cut), (slow, slow_cut)) in quick.iter().zip(&slow) {
                assert_eq!(quick_cut, slow_cut, "{start:?} {end:?} {block}");
                let fault = |bytes: &[u8]| {
                    MessageBytes {
                        bytes,
                        cut: *slow_cut,
                    }
                    .parse()
                    .err()
                };
                assert_eq!(fault(quick), fault(slow));
                assert!(quick.len() <= KEPT_BYTES + 65_536 + TAIL_BYTES || block == usize::MAX);
            }
            let too_long = quick
                .iter()
                .filter(|(bytes, _)| bytes.len() > ADT_BYTES_MAX);
            assert_eq!(too_long.count(), 1);
        }
    }
}
