//! The file of recorded runs: a list, one run of each size and commit.

use std::{fs, io, path::Path};

use serde_json::Value;

use crate::error::{BenchError, file};

/// Adds a run, in place of an older one of the same request, memory and commit.
pub(super) fn add(path: &Path, run: &Value) -> Result<(), BenchError> {
    let wrong = |reason: &str| BenchError::Named {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let mut runs = match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(Value::Array(runs)) => runs,
            Ok(_) | Err(_) => return Err(wrong("it is not a list of recorded runs")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(file(format!("read {}", path.display()))(error)),
    };
    runs.retain(|other| key(other) != key(run));
    runs.push(run.clone());
    // One run a line: a new run is one line of a change.
    let lines: Vec<String> = runs.iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    fs::write(path, text).map_err(file(format!("write {}", path.display())))
}

fn key(run: &Value) -> [&Value; 5] {
    [
        &run["request"],
        &run["schema_digest"],
        &run["commit"],
        &run["run"]["memory_bytes"],
        &run["run"]["exhaustive"]["mode"],
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_takes_the_place_of_its_like() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("match.json");
        let run = |tokens: u64, seconds: u64| json!({ "request": { "tokens": tokens }, "commit": "a", "run": { "seconds": seconds } });
        for run in [run(1, 5), run(2, 7), run(1, 4)] {
            add(&path, &run).expect("writes");
        }
        let text = fs::read_to_string(&path).expect("reads");
        assert_eq!(text.lines().count(), 4);
        let runs: Vec<Value> = serde_json::from_str(&text).expect("a list");
        assert_eq!(runs, [run(2, 7), run(1, 4)]);
        fs::write(&path, "{}").expect("writes");
        assert!(matches!(
            add(&path, &run(1, 1)),
            Err(BenchError::Named { .. })
        ));
    }
}
