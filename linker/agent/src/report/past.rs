//! The report of earlier runs: data, text and page.

use serde::Serialize;

use super::{
    day::minute,
    history::{self, RunRecord},
    layout::{filled, left, right},
    page::{Row, escape, foot, head, put, table},
    shown::{Shown, grouped, permille},
    svg::{self, Bar},
    text::{self, Text},
    trend::{self, Trend},
};
use crate::{
    error::AgentError,
    language::Language,
    limits::{RUNS_SHOWN_MAX, SHOWN_COUNT_MIN},
    outbox::Outbox,
    receipt::all_kept,
    state::State,
};

/// What earlier runs did.
#[derive(Debug, Serialize)]
pub struct Past {
    /// Always `done`; an error has an object of its own.
    pub result: &'static str,
    /// This site.
    pub site: String,
    /// Counts of people below this are hidden.
    pub hidden_below: u64,
    /// The newest runs, the oldest of them first.
    pub runs: Vec<RunLine>,
    /// Older runs that are kept and not listed.
    pub older_runs: u64,
    /// Records of runs that cannot be read.
    pub damaged: u64,
    /// What got worse.
    pub trends: Vec<Trend>,
    /// Verified receipts, of all time.
    pub receipts: u64,
    /// Rows admitted, by them.
    pub rows_admitted: u64,
    /// Rows quarantined, by them.
    pub rows_quarantined: u64,
    /// Sealed batches that wait to be sent.
    pub waiting: u64,
}

/// One run.
#[derive(Debug, Serialize)]
pub struct RunLine {
    /// When it ended, in seconds since 1970.
    pub ended_unix_s: u64,
    /// How long it took.
    pub seconds: f64,
    /// `done`, or the code of the error.
    pub result: String,
    /// Project of the key package.
    pub project: String,
    /// Its key epoch.
    pub epoch: u32,
    /// Rows read.
    pub rows: u64,
    /// Usable records.
    pub records: u64,
    /// Rows left out.
    pub refused: u64,
    /// Tokens.
    pub tokens: u64,
    /// Batches sent.
    pub batches_sent: u32,
    /// Receipts verified.
    pub receipts: u32,
    /// Rows admitted.
    pub rows_admitted: u64,
    /// Rows quarantined.
    pub rows_quarantined: u64,
    /// Records by what was noticed.
    pub quality: Vec<(String, Shown)>,
}

impl RunLine {
    fn of(run: RunRecord) -> Self {
        let quality = run.quality.iter();
        let shown = |(code, &count): (&String, &u64)| {
            let rest = run.records.saturating_sub(count);
            (code.clone(), Shown::parts([count, rest])[0])
        };
        Self {
            quality: quality.map(shown).collect(),
            refused: run.refused_total(),
            ended_unix_s: run.ended_unix_s,
            seconds: run.seconds,
            result: run.result,
            project: run.project,
            epoch: run.epoch,
            rows: run.rows,
            records: run.records,
            tokens: run.tokens,
            batches_sent: run.batches_sent,
            receipts: run.receipts,
            rows_admitted: run.rows_admitted,
            rows_quarantined: run.rows_quarantined,
        }
    }
}

impl Past {
    /// What the state folder tells.
    ///
    /// # Errors
    /// A fault of the state folder.
    pub fn of(site: &str, state: &State) -> Result<Self, AgentError> {
        let (mut runs, damaged) = history::all(state)?;
        let trends = trend::of(&runs);
        let older = runs.len().saturating_sub(RUNS_SHOWN_MAX);
        let runs = runs.split_off(older);
        let kept = all_kept(state)?;
        let admitted = kept.iter().map(|kept| u64::from(kept.rows_admitted));
        let quarantined = kept.iter().map(|kept| u64::from(kept.rows_quarantined));
        Ok(Self {
            result: "done",
            site: site.to_owned(),
            hidden_below: SHOWN_COUNT_MIN,
            older_runs: older as u64,
            damaged,
            trends,
            receipts: kept.len() as u64,
            rows_admitted: admitted.sum(),
            rows_quarantined: quarantined.sum(),
            waiting: Outbox::waiting(&state.outbox())?.len() as u64,
            runs: runs.into_iter().map(RunLine::of).collect(),
        })
    }

    /// As text for a terminal.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let say = |text: Text| text.of(language);
        let mut out = format!("{}: {}\n", say(text::HISTORY), self.site);
        if self.runs.is_empty() {
            out += &format!("{}\n", say(text::NO_RUNS));
        } else {
            let widths = [18, 22, 18, 12, 12, 14, 12, 13, 10];
            let line = |cells: [String; 9]| {
                let cells = cells.iter().zip(widths).enumerate();
                let line: String = cells
                    .map(|(at, (cell, width))| match at {
                        0 | 1 => left(cell, width),
                        _ => right(cell, width),
                    })
                    .collect();
                format!("{}\n", line.trim_end())
            };
            out += &line(HEADS.map(|head| say(head).to_owned()));
            for run in &self.runs {
                out += &line(cells(run, language));
            }
        }
        if self.older_runs > 0 {
            let older = filled(say(text::OLDER_RUNS), &[&grouped(self.older_runs)]);
            out += &format!("{older}\n");
        }
        out += &format!("\n{}\n", say(text::TREND));
        if self.trends.is_empty() {
            out += &format!("  {}\n", say(text::NO_TREND));
        }
        for trend in &self.trends {
            out += &format!("  ! {}\n", told(trend, language));
        }
        out += &format!("\n{}\n", say(text::TOTALS));
        for (name, count) in self.totals() {
            out += &format!("  {} {}\n", left(say(name), 34), right(&grouped(count), 12));
        }
        out
    }

    fn totals(&self) -> [(Text, u64); 4] {
        [
            (text::ALL_RECEIPTS, self.receipts),
            (text::ALL_ADMITTED, self.rows_admitted),
            (text::ALL_QUARANTINED, self.rows_quarantined),
            (text::ALL_WAITING, self.waiting),
        ]
    }

    /// As an HTML page.
    #[must_use]
    pub fn html(&self, language: Language) -> String {
        let say = |text: Text| text.of(language);
        let mut out = String::new();
        let title = format!("{}: {}", say(text::HISTORY), self.site);
        head(&mut out, language, &title);
        put(&mut out, &format!("<h1>{}</h1>", escape(&title)));
        put(&mut out, &format!("<h2>{}</h2>", escape(say(text::TREND))));
        if self.trends.is_empty() {
            put(&mut out, &format!("<p>{}</p>", escape(say(text::NO_TREND))));
        } else {
            put(&mut out, "<ul class=\"findings\">");
            for trend in &self.trends {
                let told = escape(&told(trend, language));
                put(&mut out, &format!("<li class=\"warn\">{told}</li>"));
            }
            put(&mut out, "</ul>");
        }
        put(
            &mut out,
            &format!("<h2>{}</h2>", escape(say(text::HISTORY))),
        );
        self.runs_html(&mut out, language);
        put(&mut out, &format!("<h2>{}</h2>", escape(say(text::TOTALS))));
        let rows = self
            .totals()
            .map(|(name, count)| Row::of(vec![say(name).to_owned(), grouped(count)]));
        table(&mut out, "", &["", say(text::COUNT)], 1, &rows);
        self.quality_html(&mut out, language);
        let limit = self.hidden_below.to_string();
        let privacy = filled(say(text::HISTORY_PRIVACY), &[&limit]);
        foot(&mut out, &escape(&privacy));
        out
    }

    fn runs_html(&self, out: &mut String, language: Language) {
        let say = |text: Text| text.of(language);
        if self.runs.is_empty() {
            put(out, &format!("<p>{}</p>", escape(say(text::NO_RUNS))));
            return;
        }
        let done = self.runs.iter().filter(|run| run.result == "done");
        let bars: Vec<_> = done
            .map(|run| Bar {
                name: minute(run.ended_unix_s)[5..10].to_owned(),
                value: run.records,
                label: grouped(run.records),
            })
            .collect();
        // More columns than this have no room for their numbers.
        let newest = bars.len().saturating_sub(12);
        put(out, &svg::columns(say(text::CHART_RUNS), &bars[newest..]));
        let rows: Vec<_> = self
            .runs
            .iter()
            .map(|run| Row::of(cells(run, language).to_vec()))
            .collect();
        table(out, "", &HEADS.map(say), 2, &rows);
        if self.older_runs > 0 {
            let older = filled(say(text::OLDER_RUNS), &[&grouped(self.older_runs)]);
            put(out, &format!("<p>{}</p>", escape(&older)));
        }
    }

    /// What was noticed in the last two runs that were done, side by side.
    fn quality_html(&self, out: &mut String, language: Language) {
        let mut done = self.runs.iter().rev().filter(|run| run.result == "done");
        let Some(last) = done.next() else { return };
        let before = done.next();
        let share = |run: Option<&RunLine>, code: &str| {
            let Some(run) = run else {
                return String::new();
            };
            let count = run.quality.iter().find(|(of, _)| of == code);
            count.map_or("0.0%".to_owned(), |(_, count)| count.percent(run.records))
        };
        let rows: Vec<_> = last
            .quality
            .iter()
            .map(|(code, _)| {
                Row::of(vec![
                    remark(code, language),
                    share(before, code),
                    share(Some(last), code),
                ])
            })
            .collect();
        let title = escape(text::CHART_QUALITY.of(language));
        put(out, &format!("<h2>{title}</h2>"));
        let heads = [before, Some(last)]
            .map(|run| run.map_or_else(String::new, |run| minute(run.ended_unix_s)));
        let heads = [text::CODE.of(language), &heads[0], &heads[1]];
        table(out, "", &heads, 1, &rows);
    }
}

const HEADS: [Text; 9] = [
    text::TIME,
    text::RESULT,
    text::RECORDS,
    text::LEFT_OUT,
    text::TOKENS,
    text::SENT,
    text::ADMITTED,
    text::QUARANTINED,
    text::RECEIPTS,
];

fn cells(run: &RunLine, language: Language) -> [String; 9] {
    let result = if run.result == "done" {
        text::DONE.of(language).to_owned()
    } else {
        run.result.clone()
    };
    [
        minute(run.ended_unix_s),
        result,
        grouped(run.records),
        grouped(run.refused),
        grouped(run.tokens),
        grouped(run.batches_sent.into()),
        grouped(run.rows_admitted),
        grouped(run.rows_quarantined),
        grouped(run.receipts.into()),
    ]
}

/// A remark in words, with its code.
fn remark(code: &str, language: Language) -> String {
    let words = text::of_code(code);
    words.map_or_else(
        || code.to_owned(),
        |words| format!("{} [{code}]", words.of(language)),
    )
}

fn told(trend: &Trend, language: Language) -> String {
    let percent = |permille: u64| format!("{}.{}%", permille / 10, permille % 10);
    match trend {
        Trend::Worse { code, from, to } => filled(
            text::TREND_WORSE.of(language),
            &[&remark(code, language), from, to],
        ),
        Trend::Shrunk { from, to } => {
            let lost = percent(permille(from - to, *from));
            let values = ["", &grouped(*from), &grouped(*to)];
            format!(
                "{} (-{lost})",
                filled(text::TREND_SHRUNK.of(language), &values)
            )
        }
        Trend::Failed { code } => filled(text::TREND_FAILED.of(language), &[code]),
        Trend::Quarantined { rows } => {
            filled(text::TREND_QUARANTINED.of(language), &[&grouped(*rows)])
        }
    }
}
