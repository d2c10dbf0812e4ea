//! Archives for tests.
#![expect(unreachable_pub, reason = "shared by test binaries as a module")]

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// An archive of deflated files; empty ones are stored.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut out);
    for (name, bytes) in files {
        let file = archive.new_file(name);
        if bytes.is_empty() {
            let (entry, config) = file.start().expect("a new file");
            let (entry, descriptor) = config.wrap(entry).finish().expect("memory");
            entry.finish(descriptor).expect("memory");
            continue;
        }
        let file = file.compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().expect("a new file");
        let encoder = DeflateEncoder::new(&mut entry, Compression::default());
        let mut writer = config.wrap(encoder);
        writer.write_all(bytes).expect("memory");
        let (encoder, descriptor) = writer.finish().expect("memory");
        encoder.finish().expect("memory");
        entry.finish(descriptor).expect("memory");
    }
    archive.finish().expect("memory");
    out
}
