//! A QR code in buffers of our own, so that they can be wiped.

use qrcodegen_no_heap::{QrCode, QrCodeEcc, Version};
use zeroize::Zeroizing;

use super::canvas::Canvas;
use crate::error::CeremonyError;

/// 77 modules a side and 331 bytes at medium correction (a share's text has about 270): larger codes are
/// hard to read from paper that was folded.
const LARGEST: Version = Version::new(15);
const BUFFER: usize = LARGEST.buffer_len();
/// White around the code, in modules, as the standard wants it.
const QUIET: f32 = 4.0;

/// Draws the code of a text into a square with its quiet zone.
pub(super) fn draw(
    canvas: &mut Canvas,
    text: &[u8],
    (x, y): (f32, f32),
    side: f32,
) -> Result<(), CeremonyError> {
    let too_long = || CeremonyError::Print {
        rule: "a share's text is longer than its QR code holds",
    };
    let mut data = Zeroizing::new([0; BUFFER]);
    let mut output = Zeroizing::new([0; BUFFER]);
    data.get_mut(..text.len())
        .ok_or_else(too_long)?
        .copy_from_slice(text);
    let code = QrCode::encode_binary(
        &mut *data,
        text.len(),
        &mut *output,
        QrCodeEcc::Medium,
        Version::MIN,
        LARGEST,
        None,
        true,
    );
    let code = code.ok().ok_or_else(too_long)?;
    let modules = u8::try_from(code.size()).ok().ok_or_else(too_long)?;
    let module = side / (f32::from(modules) + 2.0 * QUIET);
    for row in 0..modules {
        let mut column = 0;
        while column < modules {
            let run = run_length(&code, row, column, modules);
            if run > 0 {
                let left = x + (QUIET + f32::from(column)) * module;
                let top = y + (QUIET + f32::from(row)) * module;
                canvas.fill(left, top, (f32::from(run) * module, module), 0.0);
            }
            column += run.max(1);
        }
    }
    Ok(())
}

/// How many modules are dark from a place on.
fn run_length(code: &QrCode<'_>, row: u8, column: u8, modules: u8) -> u8 {
    let dark =
        (column..modules).take_while(|place| code.get_module(i32::from(*place), i32::from(row)));
    u8::try_from(dark.count()).expect("a code has at most 177 modules a side")
}
