//! The HTML: one file that loads nothing, holds together as a tree, and has a table beside every chart.

use crate::site::{Site, people};

fn page(language: &str) -> String {
    let table = people(300) + "short,row\n";
    let site = Site::new(table.as_bytes());
    let output = site.check(&["--lang", language, "--html", "out.html"]);
    assert_eq!(output.status.code(), Some(0));
    site.read("out.html")
}

/// Names of elements in order, checked to be closed as they were opened.
fn elements(page: &str) -> Vec<String> {
    const VOID: [&str; 6] = ["meta", "rect", "line", "br", "!DOCTYPE", "link"];
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for piece in page.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("every element ends");
        let name = tag.split([' ', '/']).next().unwrap().to_owned();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "{piece}");
        } else if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            open.push(name.clone());
            all.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

#[test]
fn a_page_is_whole_and_loads_nothing() {
    for (language, title, word) in [
        ("en", "Data check: hospital", "ready to send"),
        ("ja", "データ点検: hospital", "送信できます"),
    ] {
        let page = page(language);
        assert!(page.starts_with("<!DOCTYPE html>"));
        assert!(page.contains(&format!("<html lang=\"{language}\">")));
        assert!(page.contains(&format!("<title>{title}</title>")));
        assert!(page.contains(word), "{page}");
        assert!(
            page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'")
        );
        let outside = page.replace("http://www.w3.org/2000/svg", "");
        for forbidden in [
            "http:", "https:", "src=", "href=", "url(", "@import", "<script", " on",
        ] {
            let place = outside.find(forbidden);
            // In texts " on" is a word; as an attribute an equals sign follows its name.
            let attribute = place.is_some_and(|at| {
                let rest = &outside[at + forbidden.len()..];
                forbidden != " on" || rest.chars().find(|c| !c.is_alphabetic()) == Some('=')
            });
            assert!(!attribute, "{forbidden}");
        }
        let all = elements(&page);
        for (name, count) in [("html", 1), ("main", 1), ("h1", 1), ("svg", 3)] {
            let found = all.iter().filter(|found| *found == name).count();
            assert_eq!(found, count, "{name}");
        }
    }
}

#[test]
fn every_chart_has_a_title_and_its_table() {
    let page = page("en");
    for part in page.split("<svg").skip(1) {
        assert!(part.contains("<title>"));
        let (section, _) = part.split_once("</section>").unwrap();
        assert!(section.contains("<table>"), "{section}");
    }
    assert_eq!(page.matches("<svg role=\"img\" aria-label=").count(), 3);
    assert!(page.contains("@page{size:A4"));
    let headings: Vec<_> = page
        .split("<h2>")
        .skip(1)
        .map(|rest| rest.split("</h2>").next().unwrap())
        .collect();
    assert_eq!(
        headings,
        [
            "What stands out",
            "Fields",
            "Expected strength of links",
            "Year of birth",
            "Sex",
            "Spellings of names",
            "Segments of the token",
            "Records that repeat others",
            "Widths of values (bytes in CP932)",
            "Left out",
            "Files"
        ]
    );
}

#[test]
fn a_page_that_cannot_be_written_is_told() {
    let site = Site::new(people(60).as_bytes());
    let output = site.check(&["--html", "nowhere/out.html"]);
    assert_eq!(output.status.code(), Some(74));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("error [REPORT_UNWRITABLE]"), "{told}");
}
