//! Numbers in plain ASCII.

/// The digits of a text of ASCII digits, hyphens and inner blanks, as the full rules read it after
/// cleaning. `None`: the full rule decides.
pub(in crate::normalize) fn digits(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        match byte {
            b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b' ' => {}
            _ => return None,
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Whether a text is nothing but ASCII letters and digits, which cleaning leaves alone.
pub(in crate::normalize) fn is_plain(raw: &str) -> bool {
    raw.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
