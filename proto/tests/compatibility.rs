//! What was released stays: no field, number, type or call of `linkage.v1` goes or changes; more may come.
//!
//! `released/v1.txt` lists what callers rely on, one fact a line. After a release that added something:
//! `UPDATE_RELEASED=1 cargo test -p linkage-proto --test compatibility`, which refuses to forget anything.
//! Before the first release the listing may be deleted and written anew the same way.

#[path = "compatibility/facts.rs"]
mod facts;

use std::{collections::BTreeMap, env, fs, path::Path};

use facts::{Fact, Facts, facts_of, parse};

/// What a caller of the released wire would miss or misread.
fn breaks(released: &Facts, current: &Facts) -> Vec<String> {
    let mut numbers: BTreeMap<(&str, i32), (&str, &str)> = BTreeMap::new();
    let mut names: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    let mut calls: BTreeMap<&str, &str> = BTreeMap::new();
    for fact in current {
        match fact {
            Fact::Member {
                owner,
                number,
                name,
                shape,
            } => {
                numbers.insert((owner, *number), (name, shape));
                names.insert((owner, name), *number);
            }
            Fact::Call { name, signature } => drop(calls.insert(name, signature)),
            Fact::Exists { .. } => {}
        }
    }
    let mut found = Vec::new();
    for fact in released {
        match fact {
            Fact::Exists { kind, name } if !current.contains(fact) => {
                found.push(format!("{kind} {name} is gone"))
            }
            Fact::Exists { .. } => {}
            Fact::Call { name, signature } => match calls.get(name.as_str()) {
                None => found.push(format!("rpc {name} is gone")),
                Some(now) if now != signature => {
                    found.push(format!("rpc {name} was {signature}, is {now}"))
                }
                Some(_) => {}
            },
            Fact::Member {
                owner,
                number,
                name,
                shape,
            } => {
                let at_number = numbers.get(&(owner, *number));
                match (names.get(&(owner, name)), at_number) {
                    (Some(now), _) if now != number => {
                        found.push(format!("{owner}.{name} was number {number}, is {now}"))
                    }
                    (None, None) => found.push(format!("{owner}.{name} is gone")),
                    (None, Some((now, _))) => {
                        found.push(format!("number {number} of {owner} was {name}, is {now}"))
                    }
                    (Some(_), Some((_, now))) if now != shape => {
                        found.push(format!("{owner}.{name} was {shape}, is {now}"))
                    }
                    (Some(_), _) => {}
                }
            }
        }
    }
    found
}

#[test]
fn what_was_released_stays() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("tests/released/v1.txt");
    let released = parse(&fs::read_to_string(&path).unwrap_or_default());
    let current = facts_of(folder);
    let broken = breaks(&released, &current);
    assert!(
        broken.is_empty(),
        "callers of the released wire would break; add a linkage.v2 instead:\n{}",
        broken.join("\n")
    );
    if env::var_os("UPDATE_RELEASED").is_some() {
        let lines: Vec<_> = current.iter().map(|fact| fact.line() + "\n").collect();
        let head = "# What callers of linkage.v1 rely on. Written by proto/tests/compatibility.rs; lines are only ever added.\n";
        fs::write(&path, format!("{head}{}", lines.concat())).expect("source folder is writable");
    }
    assert!(released.len() > 50, "the listing is there");
}

#[test]
fn a_listing_reads_back_as_it_was_written() {
    let facts = facts_of(Path::new(env!("CARGO_MANIFEST_DIR")));
    let text: String = facts.iter().map(|fact| fact.line() + "\n").collect();
    assert_eq!(parse(&text), facts);
}

/// The facts of a small wire, after one change to its text.
fn small(from: &str, to: &str) -> Facts {
    const WIRE: &str = "syntax = \"proto3\";\npackage linkage.v1;\n\
        service S { rpc Get(A) returns (stream B); rpc Put(stream A) returns (B); }\n\
        message A { string name = 1; repeated bytes proof = 2; map<string, uint32> counts = 3;\n\
          oneof part { B left = 4; uint64 right = 5; } optional uint32 size = 6; K kind = 7; }\n\
        message B { message Inner { bool yes = 1; } Inner inner = 1; }\n\
        enum K { K_NONE = 0; K_ONE = 1; }\n";
    assert!(WIRE.contains(from), "{from} is there to be changed");
    let folder = tempfile::tempdir().expect("temporary folder");
    let inner = folder.path().join("linkage/v1");
    fs::create_dir_all(&inner).expect("writable");
    fs::write(inner.join("linkage.proto"), WIRE.replace(from, to)).expect("writable");
    facts_of(folder.path())
}

#[test]
fn every_break_is_noticed() {
    let released = small("", "");
    for (from, to, wanted) in [
        ("string name = 1; ", "", "linkage.v1.A.name is gone"),
        (
            "string name = 1;",
            "reserved 1;",
            "linkage.v1.A.name is gone",
        ),
        (
            "string name = 1;",
            "string name = 9;",
            "linkage.v1.A.name was number 1, is 9",
        ),
        (
            "string name = 1;",
            "string title = 1;",
            "number 1 of linkage.v1.A was name, is title",
        ),
        (
            "string name = 1;",
            "bytes name = 1;",
            "linkage.v1.A.name was singular string, is singular bytes",
        ),
        (
            "string name = 1;",
            "optional string name = 1;",
            "linkage.v1.A.name was singular string, is optional string",
        ),
        (
            "repeated bytes proof",
            "bytes proof",
            "linkage.v1.A.proof was repeated bytes, is singular bytes",
        ),
        (
            "map<string, uint32>",
            "map<string, uint64>",
            "linkage.v1.A.counts was map<string,uint32>, is map<string,uint64>",
        ),
        (
            "oneof part { B left = 4; uint64 right = 5; }",
            "oneof part { B left = 4; } uint64 right = 5;",
            "linkage.v1.A.right was oneof:part uint64, is singular uint64",
        ),
        (
            "K kind = 7",
            "uint32 kind = 7",
            "linkage.v1.A.kind was singular linkage.v1.K, is singular uint32",
        ),
        ("bool yes = 1;", "", "linkage.v1.B.Inner.yes is gone"),
        ("K_ONE = 1;", "", "linkage.v1.K.K_ONE is gone"),
        (
            "K_ONE = 1;",
            "K_TWO = 1;",
            "number 1 of linkage.v1.K was K_ONE, is K_TWO",
        ),
        (
            "rpc Get(A) returns (stream B); ",
            "",
            "rpc linkage.v1.S/Get is gone",
        ),
        (
            "rpc Get(A) returns (stream B)",
            "rpc Get(A) returns (B)",
            "rpc linkage.v1.S/Get was (linkage.v1.A) returns (stream linkage.v1.B), is (linkage.v1.A) returns (linkage.v1.B)",
        ),
        (
            "rpc Put(stream A)",
            "rpc Put(stream B)",
            "rpc linkage.v1.S/Put was (stream linkage.v1.A) returns (linkage.v1.B), is (stream linkage.v1.B) returns (linkage.v1.B)",
        ),
        ("service S {", "service T {", "service linkage.v1.S is gone"),
    ] {
        let found = breaks(&released, &small(from, to));
        assert!(
            found.contains(&wanted.to_owned()),
            "{from} -> {to}: {found:?}"
        );
    }
}

#[test]
fn a_swap_of_numbers_is_noticed_twice() {
    let swapped = small(
        "string name = 1; repeated bytes proof = 2;",
        "string name = 2; repeated bytes proof = 1;",
    );
    assert_eq!(breaks(&small("", ""), &swapped).len(), 2);
}

#[test]
fn additions_break_nothing() {
    let released = small("", "");
    for (from, to) in [
        ("string name = 1;", "string name = 1; string more = 9;"),
        ("K_ONE = 1;", "K_ONE = 1; K_TWO = 2;"),
        ("rpc Get", "rpc List(A) returns (B); rpc Get"),
        ("uint64 right = 5;", "uint64 right = 5; string middle = 8;"),
        ("enum K", "message C { A a = 1; }\nenum K"),
        ("service S", "service T {}\nservice S"),
    ] {
        let grown = small(from, to);
        assert!(grown.len() > released.len());
        assert_eq!(
            breaks(&released, &grown),
            Vec::<String>::new(),
            "{from} -> {to}"
        );
    }
}
