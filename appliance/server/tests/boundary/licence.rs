//! Licences: an SPDX expression is allowed when some choice within it uses allowed licences only.

use super::graph::Graph;

/// What may be linked in. `deny.toml` has the same list.
pub(super) const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Rule 6: every shipped package is under an allowed licence.
pub(super) fn not_allowed(graph: &Graph) -> Vec<String> {
    let shipped = graph.shipped();
    let wrong = shipped
        .values()
        .filter(|package| !package.licence.as_deref().is_some_and(is_allowed));
    wrong
        .map(|package| {
            format!(
                "{} {} is under {:?}",
                package.name, package.version, package.licence
            )
        })
        .collect()
}

/// Whether an SPDX expression (or cargo's old form with slashes) can be satisfied.
pub(super) fn is_allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words };
    parser.any() == Some(true) && parser.words.is_empty()
}

/// Reads words from the left; `None` where they make no expression.
struct Parser<'a> {
    words: &'a [&'a str],
}

impl Parser<'_> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn any(&mut self) -> Option<bool> {
        let mut allowed = self.all()?;
        while self.take("OR") {
            allowed |= self.all()?;
        }
        Some(allowed)
    }

    fn all(&mut self) -> Option<bool> {
        let mut allowed = self.one()?;
        while self.take("AND") {
            allowed &= self.one()?;
        }
        Some(allowed)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let inner = self.any()?;
            return self.take(")").then_some(inner);
        }
        let (licence, rest) = self.words.split_first()?;
        self.words = rest;
        if self.take("WITH") {
            let (exception, rest) = self.words.split_first()?;
            self.words = rest;
            return Some(ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()));
        }
        Some(ALLOWED.contains(licence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Kind, by_hand};

    #[test]
    fn expressions_are_read_as_written() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-2.0) AND BSD-3-Clause",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "MIT AND (Apache-2.0 OR ISC) AND Unicode-3.0",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "AGPL-3.0-only",
            "MIT AND GPL-2.0",
            "GPL-2.0 WITH LLVM-exception",
            "MIT AND (AGPL-3.0 OR GPL-2.0)",
            "LGPL-2.1",
            "",
            "MIT OR",
            "(MIT",
            "MIT MIT",
            "mit",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn rule_6_bites() {
        let edges = [
            ("linker-match", "helper", Kind::Normal),
            ("linker-match", "tester", Kind::Dev),
            ("bench", "data", Kind::Normal),
        ];
        let mut graph = by_hand(&["linker-match", "bench"], &edges);
        for name in ["tester", "data"] {
            graph.packages.get_mut(name).expect("there").licence = Some("GPL-3.0".into());
        }
        assert!(not_allowed(&graph).is_empty());
        graph.packages.get_mut("helper").expect("there").licence = Some("AGPL-3.0".into());
        assert_eq!(
            not_allowed(&graph),
            ["helper 1.0.0 is under Some(\"AGPL-3.0\")"]
        );
        graph.packages.get_mut("helper").expect("there").licence = None;
        assert_eq!(not_allowed(&graph).len(), 1);
    }
}
