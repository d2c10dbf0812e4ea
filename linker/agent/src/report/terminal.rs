//! A report as text for a terminal.

use std::fmt::Write as _;

use super::{
    advice,
    data::{FieldLine, Report},
    findings::{Finding, Readiness},
    layout::{filled, left, right},
    rows::{birth_rows, cells_of, places, repeat_rows, sex_rows, spelling_rows, strength_rows},
    shown::{Shown, grouped},
    text::{self, Text},
};
use crate::language::Language;

/// Lines of text; what is written to a string cannot fail.
struct Lines {
    out: String,
    language: Language,
}

impl Lines {
    fn put(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn title(&mut self, title: Text) {
        let title = title.of(self.language);
        self.out.push('\n');
        self.put(title);
    }

    fn say(&self, text: Text) -> &'static str {
        text.of(self.language)
    }
}

/// The report.
#[must_use]
pub fn render(report: &Report, language: Language) -> String {
    let mut lines = Lines {
        out: String::new(),
        language,
    };
    head(&mut lines, report);
    findings(&mut lines, report);
    files(&mut lines, report);
    left_out(&mut lines, report);
    if report.records > 0 {
        fields(&mut lines, report);
        remarks(&mut lines, report);
        people(&mut lines, report);
        repeats(&mut lines, report);
        widths(&mut lines, report);
    }
    let limit = report.hidden_below.to_string();
    let privacy = filled(lines.say(text::PRIVACY), &[&limit]);
    lines.out.push('\n');
    lines.put(&privacy);
    lines.out
}

fn head(lines: &mut Lines, report: &Report) {
    let title = format!(
        "{}: {} ({}), {}",
        lines.say(text::TITLE),
        report.site,
        report.format,
        report.day
    );
    lines.put(&title);
    let mark = match report.readiness {
        Readiness::Ready => "=",
        Readiness::ReadyWithWarnings => "!",
        Readiness::DoNotSend => "X",
    };
    let readiness = lines.say(text::of_readiness(report.readiness));
    let readiness = format!("[{mark}] {}: {readiness}", lines.say(text::READINESS));
    lines.put(&readiness);
    if let Some(error) = &report.error {
        let told = lines.say(text::REFUSED_BY_RUN);
        let line = format!("    {told}: [{}] {}", error.code, error.message);
        lines.put(&line);
        let advice = format!("    {}: {}", lines.say(text::ASK), error.advice);
        lines.put(&advice);
    }
    let rows = format!(
        "{} {}, {} {}, {} {}, {} {}",
        lines.say(text::FILES),
        grouped(report.files.files),
        lines.say(text::ROWS),
        grouped(report.rows),
        lines.say(text::RECORDS),
        grouped(report.records),
        lines.say(text::LEFT_OUT),
        grouped(report.refused.values().sum())
    );
    lines.put(&rows);
}

fn findings(lines: &mut Lines, report: &Report) {
    lines.title(text::FINDINGS);
    if report.findings.is_empty() {
        lines.put(lines.say(text::NOTHING));
    }
    for finding in &report.findings {
        let line = finding_line(finding, lines.language);
        lines.put(&format!("  {line}"));
        let ask = advice::of(finding.code).ask.of(lines.language);
        let ask = format!("      -> {ask}");
        lines.put(&ask);
    }
}

/// One finding without its advice.
fn finding_line(finding: &Finding, language: Language) -> String {
    let level = text::of_level(finding.level).of(language);
    let what = advice::of(finding.code).what.of(language);
    let place = finding.field.map_or_else(String::new, |field| {
        format!("{}: ", text::of_group(field).of(language))
    });
    format!(
        "[{level}] {place}{what} ({}, {})",
        finding.count, finding.share
    )
}

fn files(lines: &mut Lines, report: &Report) {
    let files = &report.files;
    lines.title(text::FILES);
    let list = |counts: &mut dyn Iterator<Item = (&str, u64)>| {
        let texts: Vec<_> = counts
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        texts.join(", ")
    };
    let found = list(&mut files.encodings_found.iter().map(|(n, c)| (n.as_str(), *c)));
    let ends = list(&mut files.line_ends.iter().map(|(n, c)| (*n, *c)));
    let versions = list(&mut files.versions.iter().map(|(n, c)| (n.as_str(), *c)));
    for (label, value) in [
        (text::ENCODING_DECLARED, files.encoding_declared.clone()),
        (text::ENCODING_FOUND, found),
        (text::LINE_ENDS, ends),
        (text::VERSIONS, versions),
        (text::MARKED, nonzero(files.marked)),
        (text::UNDECODABLE, nonzero(files.undecodable)),
        (text::OTHER_FILES, nonzero(files.other_files)),
        (text::DELETED_PATIENTS, nonzero(files.deleted_patients)),
        (text::WITHOUT_CURRENT, nonzero(files.without_current)),
    ] {
        if !value.is_empty() {
            let line = format!("  {} {value}", left(lines.say(label), 28));
            lines.put(&line);
        }
    }
}

fn nonzero(count: u64) -> String {
    if count == 0 {
        String::new()
    } else {
        grouped(count)
    }
}

fn left_out(lines: &mut Lines, report: &Report) {
    if report.refused.is_empty() {
        return;
    }
    lines.title(text::LEFT_OUT);
    for (code, count) in &report.refused {
        let words = text::of_code(code).map_or("", |words| words.of(lines.language));
        let line = format!(
            "  {} {} {words}",
            left(code, 20),
            right(&grouped(*count), 9)
        );
        lines.put(&line);
        for place in places(&report.first_refused, code, lines.language) {
            let line = format!("      {place}");
            lines.put(&line);
        }
    }
}

fn fields(lines: &mut Lines, report: &Report) {
    lines.title(text::FIELDS);
    let heads = [
        text::USABLE,
        text::UNUSABLE,
        text::EMPTY,
        text::MOST_FREQUENT,
        text::DIFFERENT,
    ]
    .map(|head| lines.say(head));
    let widths = [12, 12, 12, 20, 18];
    let cells = heads.iter().zip(widths);
    let head: String = cells.map(|(head, width)| right(head, width)).collect();
    let head = format!("  {}{head}", left("", 16));
    lines.put(&head);
    for line in &report.fields {
        let name = left(lines.say(text::of_group(line.field)), 16);
        let row = if line.carried {
            let cells = cells_of(line, report.records, lines.language);
            let cells = cells.iter().zip(widths);
            let row: String = cells.map(|(cell, width)| right(cell, width)).collect();
            row
        } else {
            format!("  {}", lines.say(text::NOT_CARRIED))
        };
        lines.put(&format!("  {name}{row}"));
    }
}

/// Why values cannot be used, and what was noticed.
fn remarks(lines: &mut Lines, report: &Report) {
    let language = lines.language;
    let mut list = |title: Text, of: &dyn Fn(&FieldLine) -> Vec<(Text, Shown)>| {
        let mut any = false;
        for field in &report.fields {
            for (words, count) in of(field) {
                if !std::mem::replace(&mut any, true) {
                    lines.title(title);
                }
                let line = format!(
                    "  {}{}{}{}",
                    left(text::of_group(field.field).of(language), 16),
                    left(words.of(language), 38),
                    right(&count.to_string(), 10),
                    right(&count.percent(report.records), 9)
                );
                lines.put(&line);
            }
        }
    };
    list(text::WHY, &|field| {
        let reasons = field.reasons.iter();
        reasons
            .map(|&(reason, count)| (text::of_reason(reason), count))
            .collect()
    });
    list(text::NOTICED, &|field| {
        let noticed = field.noticed.iter();
        noticed
            .map(|&(notice, count)| (text::of_notice(notice), count))
            .collect()
    });
}

/// One line of a distribution with a bar.
fn bar(lines: &mut Lines, name: &str, count: Shown, whole: u64, longest: u64) {
    const BAR: u64 = 30;
    let height = count.height();
    let filled = usize::try_from((height * BAR).div_ceil(longest.max(1))).unwrap_or(0);
    let line = format!(
        "  {}{}{}  {}",
        left(name, 44),
        right(&count.to_string(), 12),
        right(&count.percent(whole), 9),
        "#".repeat(filled)
    );
    lines.put(&line);
}

fn bars(lines: &mut Lines, title: Text, whole: u64, rows: &[(String, Shown)]) {
    lines.title(title);
    let longest = rows.iter().map(|(_, count)| count.height()).max();
    for (name, count) in rows {
        bar(lines, name, *count, whole, longest.unwrap_or(0));
    }
}

fn people(lines: &mut Lines, report: &Report) {
    let language = lines.language;
    for (title, rows) in [
        (text::STRENGTH, strength_rows(report, language)),
        (text::SPELLINGS, spelling_rows(report, language)),
        (text::BIRTHS, birth_rows(report, language)),
        (text::SEXES, sex_rows(report, language)),
    ] {
        bars(lines, title, report.records, &rows);
    }
}

fn repeats(lines: &mut Lines, report: &Report) {
    lines.title(text::REPEATS);
    for (name, count) in repeat_rows(report, lines.language) {
        let line = format!("  {}{}", left(&name, 58), right(&count, 12));
        lines.put(&line);
    }
}

fn widths(lines: &mut Lines, report: &Report) {
    if report.widths.is_empty() {
        return;
    }
    lines.title(text::WIDTHS);
    for line in &report.widths {
        let kind = if line.kind == "cut" {
            text::CUT
        } else {
            text::FIXED
        };
        let mut row = format!(
            "  {}{}{}{}",
            left(line.field, 16),
            left(lines.say(kind), 16),
            right(&line.width.to_string(), 4),
            right(&line.values.to_string(), 12)
        );
        let _infallible = write!(row, "   {}: {}", lines.say(text::OTHER_WIDTHS), line.others);
        lines.put(&row);
    }
}
