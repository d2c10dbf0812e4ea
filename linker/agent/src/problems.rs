//! The list of refused rows, which never leaves the site.

use std::{fs, path::Path};

use crate::{error::AgentError, limits::PROBLEMS_MAX, state};

/// The list of refused rows: file, row, code, field. No values. Written anew by every run.
#[derive(Debug)]
pub struct Problems {
    lines: Vec<String>,
    dropped: u64,
}

impl Problems {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lines: vec!["file,row,problem,field\n".to_owned()],
            dropped: 0,
        }
    }

    /// Adds a line, up to the bound.
    pub fn add(&mut self, file: &Path, row: u64, code: &str, field: &str) {
        if self.lines.len() > PROBLEMS_MAX {
            self.dropped += 1;
            return;
        }
        let file = quoted(&file.display().to_string());
        self.lines.push(format!("{file},{row},{code},{field}\n"));
    }

    /// Writes the list, or removes an old one if there is nothing to say.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn save(mut self, path: &Path) -> Result<(), AgentError> {
        if self.lines.len() == 1 {
            return match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(AgentError::state("problems.csv", error))
                }
                Ok(()) | Err(_) => Ok(()),
            };
        }
        if self.dropped > 0 {
            self.lines.push(format!(",,and {} more,\n", self.dropped));
        }
        state::write_atomic(path, self.lines.concat().as_bytes())
    }
}

impl Default for Problems {
    fn default() -> Self {
        Self::new()
    }
}

/// A CSV value (RFC 4180) on one line; control characters become spaces.
#[must_use]
pub fn quoted(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean.contains([',', '"']) {
        format!("\"{}\"", clean.replace('"', "\"\""))
    } else {
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problems.csv");
        let mut problems = Problems::new();
        for row in 0..=PROBLEMS_MAX as u64 {
            problems.add(Path::new("f.csv"), row, "row-quote", "");
        }
        problems.save(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), PROBLEMS_MAX + 2);
        assert!(text.ends_with(",,and 1 more,\n"));
        Problems::new().save(&path).unwrap();
        assert!(!path.exists());
    }
}
