//! What every HTML report is made of: head, foot, tables, and text that stays text.

use crate::language::Language;

/// Nothing may be loaded, run or sent; only the style inside the file holds.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) const STYLE: &str = "\
:root{--ink:#17232e;--soft:#5a6b7b;--line:#cfd8e0;--good:#1f6f8b;--bad:#c2571a;--none:#d9dfe5}\
@page{size:A4;margin:14mm}\
*{box-sizing:border-box}\
body{font-family:system-ui,'Hiragino Sans','Yu Gothic','Noto Sans JP','IPAGothic',sans-serif;\
font-size:15px;line-height:1.5;color:var(--ink);background:#fff;max-width:52rem;margin:1.5rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.1rem;margin:1.8rem 0 .5rem;border-bottom:2px solid var(--ink)}\
dl.facts{display:flex;flex-wrap:wrap;gap:.1rem 1.6rem;margin:.3rem 0;color:var(--soft)}\
dl.facts div{display:flex;gap:.4rem}dl.facts dd{margin:0;color:var(--ink)}\
.readiness{border:2px solid;border-radius:.4rem;padding:.6rem 1rem;margin:1rem 0;font-size:1.15rem;font-weight:700}\
.readiness p{font-size:.95rem;font-weight:400;margin:.3rem 0 0}\
.ready{color:#0a6b3d}.warn{color:#8a4b00}.stop{color:#a3170f}\
table{border-collapse:collapse;width:100%;margin:.4rem 0 .8rem;font-size:.93em}\
caption{text-align:left;color:var(--soft)}\
th,td{text-align:left;vertical-align:top;border-bottom:1px solid var(--line);padding:.28rem .5rem}\
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td:first-child{white-space:nowrap}\
tr.off td{color:var(--soft)}\
ul.findings{list-style:none;padding:0;margin:.4rem 0}\
ul.findings li{border-left:.35rem solid var(--line);padding:.15rem .7rem;margin:.45rem 0;break-inside:avoid}\
ul.findings li.stop{border-color:#a3170f}ul.findings li.warn{border-color:#d07a12}\
ul.findings b{margin-right:.3rem}ul.findings p{margin:.1rem 0;color:var(--ink)}\
ul.findings p.ask::before{content:'\\2192\\00a0'}\
code{font-size:.9em}\
svg{display:block;width:100%;max-width:42rem;height:auto;font-size:13px;margin:.3rem 0}\
svg text{fill:var(--ink)}svg text.small{font-size:11px;fill:var(--soft)}svg line{stroke:var(--line)}\
.p0{fill:var(--good)}.p1{fill:var(--bad)}.p2{fill:var(--none)}\
section{break-inside:avoid-page}footer{margin-top:2rem;color:var(--soft);font-size:.88em}\
@media print{body{margin:0;max-width:none;font-size:10.5pt;padding:0}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// Everything before the page's own content.
pub(super) fn head(out: &mut String, language: Language, title: &str) {
    let code = match language {
        Language::En => "en",
        Language::Ja => "ja",
    };
    put(
        out,
        &format!(
            "<!DOCTYPE html>\n<html lang=\"{code}\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"referrer\" content=\"no-referrer\">\
             <title>{}</title><style>{STYLE}</style></head>\n<body>\n<main>\n",
            escape(title)
        ),
    );
}

/// Everything after it. `text` is HTML.
pub(super) fn foot(out: &mut String, text: &str) {
    put(
        out,
        &format!(
            "</main>\n<footer><p>{text}</p><p>musubi tokenizer {}</p></footer>\n</body></html>\n",
            env!("CARGO_PKG_VERSION")
        ),
    );
}

/// A text inside an element or an attribute.
#[must_use]
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

/// A table: heads, of which those after the first `words` are numbers, and rows.
pub(super) fn table(out: &mut String, caption: &str, heads: &[&str], words: usize, rows: &[Row]) {
    put(out, "<table>");
    if !caption.is_empty() {
        put(out, &format!("<caption>{}</caption>", escape(caption)));
    }
    put(out, "<thead><tr>");
    for (index, head) in heads.iter().enumerate() {
        let class = if index < words { "" } else { " class=\"n\"" };
        put(
            out,
            &format!("<th scope=\"col\"{class}>{}</th>", escape(head)),
        );
    }
    put(out, "</tr></thead><tbody>");
    for row in rows {
        put(
            out,
            if row.off {
                "<tr class=\"off\">"
            } else {
                "<tr>"
            },
        );
        for (index, cell) in row.cells.iter().enumerate() {
            let class = if index < words { "" } else { " class=\"n\"" };
            put(out, &format!("<td{class}>{}</td>", escape(cell)));
        }
        put(out, "</tr>");
    }
    put(out, "</tbody></table>\n");
}

/// A row of a table.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    /// Shown as being of no account.
    pub(super) off: bool,
}

impl Row {
    pub(super) fn of(cells: Vec<String>) -> Self {
        Self { cells, off: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_an_element() {
        assert_eq!(
            escape("<script>\"&'\u{1b}"),
            "&lt;script&gt;&quot;&amp;&#39; "
        );
        let mut out = String::new();
        let rows = [Row::of(vec!["<b>".to_owned(), "1".to_owned()])];
        table(&mut out, "<i>", &["<u>", "n"], 1, &rows);
        assert!(!out.contains("<b>") && !out.contains("<i>") && !out.contains("<u>"));
        assert!(out.contains("<td class=\"n\">1</td>"));
    }
}
