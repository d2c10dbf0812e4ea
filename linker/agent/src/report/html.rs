//! A report as one HTML file that carries everything with it: no script, nothing from outside, for the
//! screen and for A4. Beside every chart stands its table.

use super::{
    advice,
    data::Report,
    findings::{Level, Readiness},
    layout::filled,
    page::{Row, escape, foot, head, put, table},
    rows::{birth_rows, cells_of, places, repeat_rows, sex_rows, spelling_rows, strength_rows},
    shown::{Shown, grouped},
    svg::{self, Bar, Stacked},
    text::{self, Text},
};
use crate::language::Language;

/// The page.
#[must_use]
pub fn render(report: &Report, language: Language) -> String {
    let page = Page { report, language };
    let mut out = String::new();
    let title = format!("{}: {}", page.say(text::TITLE), report.site);
    head(&mut out, language, &title);
    page.top(&mut out);
    page.findings(&mut out);
    if report.records > 0 {
        page.fields(&mut out);
        page.people(&mut out);
        page.remarks(&mut out);
        page.repeats(&mut out);
        page.widths(&mut out);
    }
    page.left_out(&mut out);
    page.files(&mut out);
    let limit = report.hidden_below.to_string();
    let privacy = filled(page.say(text::PRIVACY), &[&escape(&limit)]);
    foot(&mut out, &privacy.replace("<", "&lt;"));
    out
}

/// Draws bars under a title.
type Chart = fn(&str, &[Bar]) -> String;

struct Page<'a> {
    report: &'a Report,
    language: Language,
}

impl Page<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.of(self.language)
    }

    fn heading(&self, out: &mut String, title: Text) {
        put(out, &format!("<h2>{}</h2>\n", escape(self.say(title))));
    }

    fn top(&self, out: &mut String) {
        let report = self.report;
        put(out, &format!("<h1>{}</h1>", escape(self.say(text::TITLE))));
        let left_out: u64 = report.refused.values().sum();
        let facts = [
            (text::SITE, report.site.clone()),
            (text::DAY, report.day.clone()),
            (text::FORMAT, report.format.to_owned()),
            (text::SCHEMA, report.schema.clone()),
            (text::FILES, grouped(report.files.files)),
            (text::ROWS, grouped(report.rows)),
            (text::RECORDS, grouped(report.records)),
            (text::LEFT_OUT, grouped(left_out)),
        ];
        put(out, "<dl class=\"facts\">");
        for (name, value) in facts {
            let (name, value) = (escape(self.say(name)), escape(&value));
            put(out, &format!("<div><dt>{name}</dt><dd>{value}</dd></div>"));
        }
        put(out, "</dl>\n");
        let (class, sign) = match report.readiness {
            Readiness::Ready => ("ready", "\u{2713}"),
            Readiness::ReadyWithWarnings => ("warn", "!"),
            Readiness::DoNotSend => ("stop", "\u{2715}"),
        };
        let readiness = self.say(text::of_readiness(report.readiness));
        let label = self.say(text::READINESS);
        put(
            out,
            &format!(
                "<div class=\"readiness {class}\" role=\"status\">{sign} {label}: {readiness}"
            ),
        );
        if let Some(error) = &report.error {
            let told = self.say(text::REFUSED_BY_RUN);
            let (message, advice) = (escape(&error.message), escape(&error.advice));
            put(
                out,
                &format!(
                    "<p>{told}: <code>{}</code> {message}</p><p>{}: {advice}</p>",
                    error.code,
                    self.say(text::ASK)
                ),
            );
        }
        put(out, "</div>\n");
    }

    fn findings(&self, out: &mut String) {
        self.heading(out, text::FINDINGS);
        if self.report.findings.is_empty() {
            put(out, &format!("<p>{}</p>\n", self.say(text::NOTHING)));
            return;
        }
        put(out, "<ul class=\"findings\">\n");
        for finding in &self.report.findings {
            let class = match finding.level {
                Level::Stop => "stop",
                Level::Warn => "warn",
                Level::Note => "note",
            };
            let level = self.say(text::of_level(finding.level));
            let advice = advice::of(finding.code);
            let place = finding.field.map_or_else(String::new, |field| {
                format!("{}: ", self.say(text::of_group(field)))
            });
            let what = format!("{place}{}", self.say(advice.what));
            let count = format!("{}, {}", finding.count, finding.share);
            put(
                out,
                &format!(
                    "<li class=\"{class}\"><p><b class=\"{class}\">{level}</b>{} ({})</p>\
                     <p class=\"ask\">{}</p></li>\n",
                    escape(&what),
                    escape(&count),
                    escape(self.say(advice.ask))
                ),
            );
        }
        put(out, "</ul>\n");
    }

    fn fields(&self, out: &mut String) {
        put(out, "<section>");
        self.heading(out, text::FIELDS);
        let records = self.report.records;
        let name = |field| self.say(text::of_group(field)).to_owned();
        let part = |shown: Shown| shown.height().min(records) * 1000 / records.max(1);
        let carried = self.report.fields.iter().filter(|line| line.carried);
        let bars: Vec<_> = carried
            .map(|line| Stacked {
                name: name(line.field),
                parts: vec![part(line.usable), part(line.unusable), part(line.empty)],
            })
            .collect();
        let parts = [text::USABLE, text::UNUSABLE, text::EMPTY].map(|part| self.say(part));
        put(
            out,
            &svg::stacked(self.say(text::CHART_FIELDS), &parts, &bars),
        );
        let heads = [
            text::FIELD,
            text::USABLE,
            text::UNUSABLE,
            text::EMPTY,
            text::MOST_FREQUENT,
            text::DIFFERENT,
        ]
        .map(|head| self.say(head));
        let rows = self.report.fields.iter().map(|line| {
            let mut cells = vec![name(line.field)];
            if line.carried {
                cells.extend(cells_of(line, records, self.language));
            } else {
                cells.push(self.say(text::NOT_CARRIED).to_owned());
                cells.extend(vec![String::new(); 4]);
            }
            Row {
                cells,
                off: !line.carried,
            }
        });
        let rows: Vec<_> = rows.collect();
        table(out, "", &heads, 1, &rows);
        put(out, "</section>\n");
    }

    /// A distribution: a table, and a chart of so many of its first rows.
    fn distribution(
        &self,
        out: &mut String,
        title: Text,
        rows: &[(String, Shown)],
        chart: Option<(Chart, usize)>,
    ) {
        put(out, "<section>");
        self.heading(out, title);
        let records = self.report.records;
        if let Some((chart, charted)) = chart {
            let bars: Vec<_> = rows[..charted]
                .iter()
                .map(|(name, count)| Bar {
                    name: name
                        .split_once('-')
                        .map_or(name.as_str(), |(from, _)| from)
                        .to_owned(),
                    value: count.height(),
                    label: count.percent(records),
                })
                .collect();
            put(out, &chart(self.say(title), &bars));
        }
        let heads = ["", self.say(text::COUNT), self.say(text::SHARE)];
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, count)| {
                Row::of(vec![
                    name.clone(),
                    count.to_string(),
                    count.percent(records),
                ])
            })
            .collect();
        table(out, "", &heads, 1, &rows);
        put(out, "</section>\n");
    }

    fn people(&self, out: &mut String) {
        let (report, language) = (self.report, self.language);
        let strength = strength_rows(report, language);
        self.distribution(
            out,
            text::STRENGTH,
            &strength,
            Some((svg::horizontal, strength.len())),
        );
        let births = birth_rows(report, language);
        // Dates that cannot be are no decade.
        let decades = report.births.decades.len();
        self.distribution(out, text::BIRTHS, &births, Some((svg::columns, decades)));
        self.distribution(out, text::SEXES, &sex_rows(report, language), None);
        let spellings = spelling_rows(report, language);
        self.distribution(out, text::SPELLINGS, &spellings, None);
        let segments: Vec<_> = report
            .segments
            .iter()
            .map(|line| (line.segment.clone(), line.records))
            .collect();
        self.distribution(out, text::SEGMENTS, &segments, None);
    }

    fn remarks(&self, out: &mut String) {
        let records = self.report.records;
        let row = |field, words: Text, count: Shown| {
            Row::of(vec![
                self.say(text::of_group(field)).to_owned(),
                self.say(words).to_owned(),
                count.to_string(),
                count.percent(records),
            ])
        };
        let (mut why, mut noticed) = (Vec::new(), Vec::new());
        for line in &self.report.fields {
            let reasons = line.reasons.iter();
            why.extend(
                reasons.map(|&(reason, count)| row(line.field, text::of_reason(reason), count)),
            );
            let notices = line.noticed.iter();
            noticed.extend(
                notices.map(|&(notice, count)| row(line.field, text::of_notice(notice), count)),
            );
        }
        for (title, head, rows) in [
            (text::WHY, text::REASON, why),
            (text::NOTICED, text::NOTICED, noticed),
        ] {
            if !rows.is_empty() {
                self.heading(out, title);
                let heads = [text::FIELD, head, text::COUNT, text::SHARE];
                table(out, "", &heads.map(|head| self.say(head)), 2, &rows);
            }
        }
    }

    fn repeats(&self, out: &mut String) {
        put(out, "<section>");
        self.heading(out, text::REPEATS);
        let rows = repeat_rows(self.report, self.language);
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(name, count)| Row::of(vec![name, count]))
            .collect();
        table(out, "", &["", self.say(text::COUNT)], 1, &rows);
        put(out, "</section>\n");
    }

    fn widths(&self, out: &mut String) {
        if self.report.widths.is_empty() {
            return;
        }
        put(out, "<section>");
        self.heading(out, text::WIDTHS);
        let rows: Vec<_> = self
            .report
            .widths
            .iter()
            .map(|line| {
                let kind = if line.kind == "cut" {
                    text::CUT
                } else {
                    text::FIXED
                };
                Row::of(vec![
                    line.field.to_owned(),
                    self.say(kind).to_owned(),
                    line.width.to_string(),
                    line.values.to_string(),
                    line.others.to_string(),
                ])
            })
            .collect();
        let heads = [
            text::FIELD,
            text::REASON,
            text::WIDTH,
            text::OF_WIDTH,
            text::OTHER_WIDTHS,
        ];
        let mut heads = heads.map(|head| self.say(head));
        heads[1] = "";
        table(out, "", &heads, 2, &rows);
        put(out, "</section>\n");
    }

    fn left_out(&self, out: &mut String) {
        let report = self.report;
        if report.refused.is_empty() {
            return;
        }
        self.heading(out, text::LEFT_OUT);
        let rows: Vec<_> = report
            .refused
            .iter()
            .map(|(code, count)| {
                let words = text::of_code(code).map_or("", |words| self.say(words));
                let at = places(&report.first_refused, code, self.language);
                Row::of(vec![
                    format!("{words} [{code}]"),
                    at.join("; "),
                    grouped(*count),
                ])
            })
            .collect();
        let heads = [text::REASON, text::WHERE, text::ROWS].map(|head| self.say(head));
        table(out, "", &heads, 2, &rows);
    }

    fn files(&self, out: &mut String) {
        put(out, "<section>");
        self.heading(out, text::FILES);
        let files = &self.report.files;
        let mut rows = vec![
            (text::FILES, grouped(files.files)),
            (text::LOOKED_AT, grouped(files.looked_at)),
            (text::ENCODING_DECLARED, files.encoding_declared.clone()),
        ];
        for (name, count) in &files.encodings_found {
            rows.push((
                text::ENCODING_FOUND,
                format!("{name} ({})", grouped(*count)),
            ));
        }
        for (name, count) in &files.line_ends {
            rows.push((text::LINE_ENDS, format!("{name} ({})", grouped(*count))));
        }
        for (name, count) in &files.versions {
            rows.push((text::VERSIONS, format!("{name} ({})", grouped(*count))));
        }
        for (name, count) in [
            (text::UNDECODABLE, files.undecodable),
            (text::MARKED, files.marked),
            (text::OTHER_FILES, files.other_files),
            (text::DELETED_PATIENTS, files.deleted_patients),
            (text::WITHOUT_CURRENT, files.without_current),
            (text::DELETIONS, self.report.deletions),
        ] {
            if count > 0 || name == text::UNDECODABLE {
                rows.push((name, grouped(count)));
            }
        }
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(name, value)| Row::of(vec![self.say(name).to_owned(), value]))
            .collect();
        table(out, "", &["", ""], 2, &rows);
        put(out, "</section>\n");
    }
}
