//! No bytes, however odd, stop a reader, and no error tells what a file says.

use linker_tokenize::{
    ReadError, RowError,
    format::{RowSink, care, dicom, dpc, hl7, ssmix2, uke},
};
use proptest::prelude::*;

const SECRET: &str = "SECRETNAME";

/// Starts of files that get past the first checks.
const HEADS: [&[u8]; 8] = [
    b"",
    b"YK,1,13,4,1234567,,202601,00,\r\nRE,1,4112,202601,SECRETNAME,1,19700302,",
    b"1,1,0,1,711,0,0,1370000001,0,1,202602,1\r\n2,2,7131,01,202601,1370000001,00131016,SECRETNAME,",
    b"131234567\tSECRETNAME\t20260104\t0\t0\tA000010\t20140401\t0\t19700302\t",
    b"\x0bMSH|^~\\&|||||||ADT^A08|\rPID|1||SECRETNAME||SECRETNAME^SECRETNAME\r",
    b"\x08\x00\x05\x00\x00\x00\x00\x00\x10\x00\x10\x00\x0c\x00\x00\x00SECRETNAME^A",
    b"\x08\x00\x05\x00CS\x00\x00\x10\x00\x10\x00PN\x0c\x00SECRETNAME^A\x10\x00\x20\x00LO",
    b"\x08\x00\x05\x00CS\x00\x00\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff",
];

/// Feeds bytes to every reader; what they say about them.
fn all(bytes: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    let looks = [
        uke::looks_like(bytes),
        care::looks_like(bytes),
        dpc::looks_like(bytes),
        hl7::looks_like(bytes),
        ssmix2::looks_like(bytes),
        dicom::looks_like(bytes),
    ];
    said.push(format!("{looks:?}"));
    let mut tell = |error: &dyn std::error::Error| said.push(format!("{error}{error:?}"));
    type Reader = fn(&[u8], &mut RowSink<'_>) -> Result<linker_tokenize::FileReport, ReadError>;
    let readers: [Reader; 4] = [uke::read, care::read, dpc::read, hl7::read];
    for read in readers {
        let mut errors: Vec<RowError> = Vec::new();
        let report = read(bytes, &mut |_, row| errors.extend(row.err()));
        if let Err(error) = &report {
            assert!(errors.is_empty(), "nothing of a refused file is delivered");
            tell(error);
        }
        errors.iter().for_each(|error| tell(error));
    }
    if let Err(error) = ssmix2::read(bytes) {
        tell(&error);
    }
    if let Err(error) = dicom::read(bytes) {
        tell(&error);
    }
    said
}

proptest! {
    #[test]
    fn no_reader_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), head in 0..HEADS.len()) {
        let bytes = [HEADS[head], &bytes].concat();
        for said in all(&bytes) {
            prop_assert!(!said.contains(SECRET));
        }
    }

    /// Structure is likelier to break a reader than noise: pieces of formats in any order.
    #[test]
    fn no_reader_panics_on_pieces(pieces in proptest::collection::vec(0_usize..28, 0..60), head in 0..HEADS.len()) {
        const PIECES: [&[u8]; 28] = [
            b"\r\n", b"\r", b"\n", b"\t", b",", b"|", b"^", b"~", b"=", b"\\", b"\"", b"\x1b$B", b"\x1b(B",
            b"\x1b$(D", b"\x1b)I", b"\x0b", b"\x1c", b"MSH|", b"PID|", b"RE,", b"SN,1,", b"2,3,7131,01,",
            b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00",
            b"\x08\x00\x40\x11UN\x00\x00\xff\xff\xff\xff", b"\x10\x00\x20\x00LO\x02\x0012", b"\x81\x5c", b"\x00",
        ];
        let mut bytes = HEADS[head].to_vec();
        for piece in pieces {
            bytes.extend_from_slice(PIECES[piece]);
        }
        for said in all(&bytes) {
            prop_assert!(!said.contains(SECRET));
        }
    }
}

#[test]
fn bytes_of_one_kind_stop_nobody() {
    for head in HEADS {
        for byte in 0..=255_u8 {
            let bytes = [head, &vec![byte; 70_000]].concat();
            assert!(all(&bytes).iter().all(|said| !said.contains(SECRET)));
        }
    }
}

#[test]
fn every_head_cut_anywhere_stops_nobody() {
    for head in HEADS {
        for end in 0..=head.len() {
            let _said = all(&head[..end]);
        }
    }
}
