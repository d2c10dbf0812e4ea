//! Causes behind an error. Most are other programs' words and stay as they are; those of the operating
//! system are the ones that a clerk can do something about.

use std::{error::Error, io};

use crate::{
    say,
    say::{Say, Value},
};

/// The text of a cause.
pub(super) fn of(error: &(dyn Error + 'static)) -> Value {
    let Some(system) = error.downcast_ref::<io::Error>() else {
        return error.to_string().into();
    };
    let ours = system
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Say>());
    if let Some(said) = ours {
        return said.clone().into();
    }
    let text = error.to_string();
    let known = text
        .strip_suffix(')')
        .and_then(|text| text.split_once(" (os error "));
    let Some((words, number)) = known else {
        return text.into();
    };
    match words {
        "No such file or directory" => say!(
            "No such file or directory (os error {number})",
            number = number
        ),
        "Operation not permitted" => say!(
            "Operation not permitted (os error {number})",
            number = number
        ),
        "Permission denied" => say!("Permission denied (os error {number})", number = number),
        "Input/output error" => say!("Input/output error (os error {number})", number = number),
        "No space left on device" => say!(
            "No space left on device (os error {number})",
            number = number
        ),
        "Read-only file system" => {
            say!("Read-only file system (os error {number})", number = number)
        }
        "Is a directory" => say!("Is a directory (os error {number})", number = number),
        "Not a directory" => say!("Not a directory (os error {number})", number = number),
        "Connection refused" => say!("Connection refused (os error {number})", number = number),
        "Connection reset by peer" => say!(
            "Connection reset by peer (os error {number})",
            number = number
        ),
        "Connection timed out" => say!("Connection timed out (os error {number})", number = number),
        "Network is unreachable" => say!(
            "Network is unreachable (os error {number})",
            number = number
        ),
        "No route to host" => say!("No route to host (os error {number})", number = number),
        _ => return text.into(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn english_is_the_system_s_own_text() {
        for number in 1..134 {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(of(&error).to(Language::En), error.to_string());
        }
        for number in [1, 2, 5, 13, 20, 21, 28, 30, 101, 104, 110, 111, 113] {
            let error = io::Error::from_raw_os_error(number);
            assert_ne!(of(&error).to(Language::Ja), error.to_string());
        }
    }
}
