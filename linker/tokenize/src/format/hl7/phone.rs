//! Telephones of a patient.

use zeroize::Zeroizing;

use super::segments::{repetitions, unescape};
use crate::limits::VALUE_BYTES_MAX;

/// The first telephone at home (PID-13), else at work (PID-14).
pub(super) fn phone(pid: &str) -> Zeroizing<String> {
    let mut fields = pid.split('|').skip(13).take(2).flat_map(repetitions);
    fields.find_map(number).unwrap_or_default()
}

/// The number of one XTN, which senders write in the component of texts, in the one of unformatted numbers, or
/// in parts: country, area, local. Nothing for facsimile, pagers and addresses of the internet, nor for what
/// cannot be a number.
fn number(repetition: &str) -> Option<Zeroizing<String>> {
    // The least of a number, and a telephone is worth no record, so what no value may be is left out.
    const DIGITS_MIN: usize = 10;
    if repetition.len() < DIGITS_MIN || repetition.len() > VALUE_BYTES_MAX {
        return None;
    }
    let mut parts = [""; 12];
    for (place, part) in parts.iter_mut().zip(repetition.split('^')) {
        *place = part.trim();
    }
    let [
        text,
        purpose,
        device,
        _,
        _,
        area,
        local,
        _,
        _,
        _,
        _,
        unformatted,
    ] = parts;
    if purpose == "NET" || matches!(device, "FX" | "BP" | "MD" | "Internet" | "X.400") {
        return None;
    }
    let written = [text, unformatted]
        .into_iter()
        .find(|part| !part.is_empty());
    let number = match written {
        Some(written) => unescape(written),
        None => Zeroizing::new(format!("{area}-{local}")),
    };
    let digits = number
        .chars()
        .filter(|c| matches!(c, '0'..='9' | '０'..='９'));
    (digits.count() >= DIGITS_MIN).then_some(number)
}
