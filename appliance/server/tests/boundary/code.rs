//! Rust text without comments, strings and character literals, so that words can be looked for.

/// The code of a source file; what is left out becomes a space, lines stay where they are.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest));
        let (length, kept) = match skipped {
            Some(length) => (length, None),
            None => word(rest).map_or(
                (first.len_utf8(), Some(&rest[..first.len_utf8()])),
                |length| (length, Some(&rest[..length])),
            ),
        };
        match kept {
            Some(piece) => code.push_str(piece),
            None => {
                code.push(' ');
                code.extend(rest[..length].chars().filter(|c| *c == '\n'));
            }
        }
        rest = &rest[length..];
    }
    code
}

/// The words of code: letters, digits and underscores.
pub(super) fn words_of(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// The length of a name or number, so that the `r` of `for` never begins a raw string.
fn word(rest: &str) -> Option<usize> {
    let length: usize = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .map(char::len_utf8)
        .sum();
    (length > 0).then_some(length)
}

/// The length of a comment at the start, nested ones included.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(rest.len())
}

/// The length of a string or character literal at the start.
fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(*prefix).unwrap_or_default();
        let raw = prefix.ends_with('r') && after.trim_start_matches('#').starts_with('"');
        raw || (!prefix.ends_with('r')
            && (after.starts_with('"') || (*prefix != "c" && after.starts_with('\''))))
    })?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let open = prefix.len() + hashes + 1;
        return Some(
            rest[open..]
                .find(&end)
                .map_or(rest.len(), |at| open + at + end.len()),
        );
    }
    let quote = body.chars().next()?;
    if quote == '\'' && is_lifetime(body) {
        return None;
    }
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(prefix.len() + at + c.len_utf8()),
            _ => {}
        }
    }
    Some(rest.len())
}

/// `'a` is a lifetime unless a quote closes it after one character.
fn is_lifetime(body: &str) -> bool {
    let mut chars = body.chars().skip(1);
    let name = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    name && chars.next() != Some('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        words_of(&code_only(text)).map(str::to_owned).collect()
    }

    #[test]
    fn comments_and_literals_are_left_out() {
        assert_eq!(
            words("a // unsafe\nb /* unsafe /* unsafe */ unsafe */ c"),
            ["a", "b", "c"]
        );
        assert_eq!(
            words("x(\"unsafe \\\" unsafe\", b\"unsafe\", 'u', '\\'', b'\\\\') y"),
            ["x", "y"]
        );
        assert_eq!(
            words("r\"unsafe\\\" a r#\"unsafe \" unsafe\"# b br##\"unsafe\"# \"## c"),
            ["a", "b", "c"]
        );
        assert_eq!(
            words("fn f<'a>(x: &'a str) -> &'static str { for y in '漢'..'字' {} }").join(" "),
            "fn f a x a str static str for y in"
        );
        assert_eq!(words("/// unsafe\n//! unsafe\nunsafe { \"\" }"), ["unsafe"]);
        assert_eq!(
            words("unsafe_code xunsafe r#unsafe"),
            ["unsafe_code", "xunsafe", "r", "unsafe"]
        );
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "a\n/* x\n y */ b\n\"q\n\" c\n// d\ne";
        assert_eq!(code_only(text).lines().count(), text.lines().count());
    }
}
