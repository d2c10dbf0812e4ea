//! The status page as HTML, made on the server, without scripts.

use std::fmt::Write as _;

use crate::{
    admin::text::Words,
    clock::utc,
    ready::Condition,
    service::{
        lookup_index::IndexState,
        moving::MoveState,
        overview::{NextLine, Overview, SiteLine},
        run_evidence::Evidence,
    },
};

pub(super) const STYLE: &str = "\
body{font-family:system-ui,'Hiragino Sans','Noto Sans JP',sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
nav{float:right}
.counts{display:flex;flex-wrap:wrap;gap:1rem}
.counts div{flex:1 1 15rem;border:1px solid #c5ced8;border-radius:.5rem;padding:1rem}
.counts strong{display:block;font-size:2rem}
.ok{color:#0a6b3d}.open{color:#a3260f}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;border-bottom:1px solid #dde3ea;padding:.4rem .6rem}
td.n{text-align:right;font-variant-numeric:tabular-nums}
code{font-size:.85em}
";

/// The page.
pub(super) fn render(overview: &Overview, words: &Words) -> String {
    let mut html = head(words);
    state(&mut html, overview, words);
    counts(&mut html, overview, words);
    sites(&mut html, &overview.sites, words);
    if let Some(next) = &overview.next {
        moves(&mut html, next, words);
    }
    runs(&mut html, overview, words);
    if let Some(evidence) = &overview.evidence {
        drift(&mut html, evidence, words);
        estimates(&mut html, evidence, words);
    }
    lookup_index(&mut html, &overview.lookup_index, words);
    let size = overview.audit_entries;
    put(
        &mut html,
        &format!("<h2>{}</h2><p>{size} {}</p>", words.audit, words.entries),
    );
    let scope = format!(
        "{} · {} · {}",
        overview.project, overview.epoch, overview.schema
    );
    put(
        &mut html,
        &format!("<p>{}: {}</p></body></html>\n", words.scope, escape(&scope)),
    );
    html
}

/// The page when nothing can be read.
pub(super) fn render_error(code: &str, words: &Words) -> String {
    let mut html = head(words);
    put(
        &mut html,
        &format!(
            "<p class=open>{} ({code})</p></body></html>\n",
            words.unavailable
        ),
    );
    html
}

fn head(words: &Words) -> String {
    format!(
        "<!DOCTYPE html><html lang={}><head><meta charset=utf-8><title>{}</title>\
         <meta name=viewport content=\"width=device-width\"><link rel=stylesheet href=/style.css></head>\
         <body><nav><a href=\"{}\">{}</a></nav><h1>{}</h1>",
        words.language, words.title, words.other_link, words.other_name, words.title
    )
}

fn state(html: &mut String, overview: &Overview, words: &Words) {
    let (class, word) = if overview.is_ready {
        ("ok", words.ready)
    } else {
        ("open", words.not_ready)
    };
    put(html, &format!("<p class={class}><strong>{word}</strong>"));
    for (condition, holds) in Condition::ALL.iter().zip(overview.conditions) {
        let class = if holds { "ok" } else { "open" };
        put(
            html,
            &format!(" <span class={class}>{}</span>", condition.name()),
        );
    }
    put(html, "</p>");
}

fn counts(html: &mut String, overview: &Overview, words: &Words) {
    let Some(counts) = &overview.counts else {
        put(html, &format!("<p>{}</p>", words.no_run));
        return;
    };
    put(html, "<div class=counts>");
    for (number, name) in [
        (counts.persons_found, words.persons_found),
        (counts.sum_of_site_uniques, words.sum_of_site_uniques),
        (counts.cumulative, words.cumulative),
    ] {
        put(
            html,
            &format!("<div><strong>{}</strong>{name}</div>", grouped(number)),
        );
    }
    put(html, "</div>");
}

fn sites(html: &mut String, sites: &[SiteLine], words: &Words) {
    table(html, words.sites, words.site_columns);
    for site in sites {
        let last = site.last_at.map_or_else(String::new, utc);
        put(html, &format!("<tr><td>{}</td>", escape(&site.site)));
        for number in [site.batches, site.rows, site.quarantined] {
            put(html, &format!("<td class=n>{}</td>", grouped(number)));
        }
        put(html, &format!("<td>{last}</td></tr>"));
    }
    put(html, "</table>");
}

fn moves(html: &mut String, next: &NextLine, words: &Words) {
    let title = format!("{} {}", words.moves, next.epoch);
    table(html, &title, words.move_columns);
    for site in next.moves.iter() {
        let class = if site.is_missing() { "open" } else { "ok" };
        put(html, &format!("<tr><td>{}</td>", escape(&site.site)));
        for number in [site.records_before, site.records, site.carried] {
            put(html, &format!("<td class=n>{}</td>", grouped(number)));
        }
        let word = match site.state {
            MoveState::NotBegun => words.move_not_begun,
            MoveState::UnderWay => words.move_under_way,
            MoveState::Short => words.move_short,
            MoveState::Complete => words.move_complete,
        };
        put(html, &format!("<td class={class}>{word}</td></tr>"));
    }
    put(html, "</table>");
}

fn runs(html: &mut String, overview: &Overview, words: &Words) {
    table(html, words.runs, words.run_columns);
    for run in &overview.runs {
        let (records, persons) = run
            .counts
            .as_ref()
            .map_or((String::new(), String::new()), |counts| {
                (grouped(counts.records), grouped(counts.persons_found))
            });
        let state = if run.failure_code.is_empty() {
            run.state.name().to_owned()
        } else {
            format!("{} ({})", run.state.name(), run.failure_code)
        };
        put(
            html,
            &format!(
                "<tr><td><code>{}</code></td><td>{}</td><td class=n>{records}</td>\
                 <td class=n>{persons}</td><td>{}</td></tr>",
                escape(&run.run_id),
                escape(&state),
                utc(run.created_at)
            ),
        );
    }
    put(html, "</table>");
}

fn drift(html: &mut String, evidence: &Evidence, words: &Words) {
    if evidence.drift.is_empty() {
        put(
            html,
            &format!("<h2>{}</h2><p>{}</p>", words.drift, words.no_drift),
        );
        return;
    }
    table(html, words.drift, words.drift_columns);
    for finding in &evidence.drift {
        let name = |name: &Option<String>| escape(name.as_deref().unwrap_or("–"));
        put(
            html,
            &format!(
                "<tr class=open><td>{}</td><td>{}</td><td>{}</td>",
                finding.kind.code(),
                name(&finding.site),
                name(&finding.segment)
            ),
        );
        shares(html, &[finding.was, finding.is]);
    }
    put(html, "</table>");
}

fn estimates(html: &mut String, evidence: &Evidence, words: &Words) {
    table(html, words.site_estimates, words.site_estimate_columns);
    for site in &evidence.sites {
        let (name, pairs) = (escape(&site.site), grouped(site.pairs));
        put(
            html,
            &format!("<tr><td>{name}</td><td class=n>{pairs}</td>"),
        );
        shares(html, &site.estimates);
    }
    put(html, "</table>");
    table(html, words.pass_estimates, words.pass_estimate_columns);
    for pass in &evidence.passes {
        let (name, compared, pairs) = (
            escape(&pass.pass),
            grouped(pass.compared),
            grouped(pass.pairs),
        );
        put(
            html,
            &format!("<tr><td>{name}</td><td class=n>{compared}</td><td class=n>{pairs}</td>"),
        );
        shares(html, &pass.estimates);
    }
    put(html, "</table>");
}

fn lookup_index(html: &mut String, state: &IndexState, words: &Words) {
    let (class, text) = match state {
        IndexState::Off => ("", words.index_off.to_owned()),
        IndexState::NoRun => ("", words.no_run.to_owned()),
        IndexState::Building => ("", words.index_building.to_owned()),
        IndexState::Ready { run_id, rows } => {
            let run = format!("<code>{}</code>", escape(run_id));
            (
                "class=ok",
                format!("{} {} · {run}", grouped(*rows), words.index_rows),
            )
        }
        IndexState::TooLarge { needed, bound } => {
            // Rounded up and down, so that what is needed never reads like what is there.
            let (needed, bound) = (needed.div_ceil(1 << 20), bound >> 20);
            let (needed, bound) = (grouped(needed), grouped(bound));
            let sizes = format!("(INDEX_TOO_LARGE, {needed} MiB &gt; {bound} MiB)");
            ("class=open", format!("{} {sizes}", words.index_too_large))
        }
        IndexState::Failed { code } => ("class=open", format!("{} ({code})", words.index_failed)),
    };
    put(
        html,
        &format!("<h2>{}</h2><p {class}>{text}</p>", words.index),
    );
}

/// The last cells of a row.
fn shares(html: &mut String, shares: &[f64]) {
    for share in shares {
        put(html, &format!("<td class=n>{share:.4}</td>"));
    }
    put(html, "</tr>");
}

fn table(html: &mut String, title: &str, columns: [&str; 5]) {
    put(html, &format!("<h2>{title}</h2><table><tr>"));
    for column in columns {
        put(html, &format!("<th>{column}</th>"));
    }
    put(html, "</tr>");
}

fn put(html: &mut String, text: &str) {
    let _infallible = html.write_str(text);
}

/// A number with a separator every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_why_no_token_is_resolved() {
        let (needed, bound) = ((3 << 30) + 1, 2 << 30);
        for words in [&crate::admin::text::JAPANESE, &crate::admin::text::ENGLISH] {
            let mut html = String::new();
            lookup_index(&mut html, &IndexState::TooLarge { needed, bound }, words);
            assert!(
                html.contains("INDEX_TOO_LARGE, 3,073 MiB &gt; 2,048 MiB"),
                "{html}"
            );
            assert!(html.contains("service.memory_gib"), "{html}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_text_is_escaped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(escape("<a href='x'>&"), "&lt;a href=&#39;x&#39;&gt;&amp;");
    }
}
