//! Small charts as SVG inside an HTML page: no script, nothing from outside, black and white in print.
//! Beside every chart stands a table with the same numbers, so the charts themselves are hidden from
//! screen readers but for their title.

use std::fmt::Write as _;

use super::page::escape;

/// A horizontal bar cut into parts, in thousandths of the whole.
#[derive(Debug)]
pub struct Stacked {
    /// What the bar is for.
    pub name: String,
    /// Parts from left to right.
    pub parts: Vec<u64>,
}

/// One bar.
#[derive(Debug)]
pub struct Bar {
    /// What it is for.
    pub name: String,
    /// How long it is.
    pub value: u64,
    /// What is written at it.
    pub label: String,
}

const WIDTH: u64 = 640;
const LINE: u64 = 26;

fn begin(out: &mut String, title: &str, height: u64) {
    let title = escape(title);
    put(
        out,
        &format!(
            "<svg role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {WIDTH} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\"><title>{title}</title>"
        ),
    );
}

fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

/// Bars cut into parts, with a legend of the parts' names.
#[must_use]
pub fn stacked(title: &str, names: &[&str], bars: &[Stacked]) -> String {
    const LABEL: u64 = 130;
    let room = WIDTH - LABEL;
    let height = LINE * (bars.len() as u64 + 1) + 4;
    let mut out = String::new();
    begin(&mut out, title, height);
    for (index, name) in names.iter().enumerate() {
        let x = LABEL + index as u64 * 150;
        let _infallible = write!(
            out,
            "<rect class=\"p{index}\" x=\"{x}\" y=\"4\" width=\"14\" height=\"14\"/>\
             <text x=\"{}\" y=\"16\">{}</text>",
            x + 20,
            escape(name)
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = LINE * (row as u64 + 1);
        let _infallible = write!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LABEL - 8,
            y + 16,
            escape(&bar.name)
        );
        let mut x = LABEL;
        for (index, &part) in bar.parts.iter().enumerate() {
            let width = (part.min(1000) * room).div_ceil(1000);
            let width = width.min(LABEL + room - x);
            if width > 0 {
                let _infallible = write!(
                    out,
                    "<rect class=\"p{index}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"18\"/>",
                    y + 2
                );
            }
            x += width;
        }
    }
    out + "</svg>"
}

/// Bars of one kind, from the left.
#[must_use]
pub fn horizontal(title: &str, bars: &[Bar]) -> String {
    const LABEL: u64 = 290;
    const NUMBER: u64 = 90;
    let room = WIDTH - LABEL - NUMBER;
    let longest = longest(bars);
    let mut out = String::new();
    begin(&mut out, title, LINE * bars.len() as u64 + 4);
    for (row, bar) in bars.iter().enumerate() {
        let y = LINE * row as u64;
        let width = bar.value * room / longest;
        let _infallible = write!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"p0\" x=\"{LABEL}\" y=\"{}\" width=\"{width}\" height=\"18\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            LABEL - 8,
            y + 16,
            escape(&bar.name),
            y + 2,
            LABEL + width + 6,
            y + 16,
            escape(&bar.label)
        );
    }
    out + "</svg>"
}

/// Columns of one kind, from the left to the right.
#[must_use]
pub fn columns(title: &str, bars: &[Bar]) -> String {
    const TOP: u64 = 20;
    const HIGH: u64 = 140;
    const FOOT: u64 = 22;
    let longest = longest(bars);
    let step = WIDTH / (bars.len() as u64).max(1);
    let thick = (step * 7 / 10).clamp(2, 60);
    let mut out = String::new();
    begin(&mut out, title, TOP + HIGH + FOOT);
    for (place, bar) in bars.iter().enumerate() {
        let middle = place as u64 * step + step / 2;
        let height = (bar.value * HIGH).div_ceil(longest);
        let _infallible = write!(
            out,
            "<rect class=\"p0\" x=\"{}\" y=\"{}\" width=\"{thick}\" height=\"{height}\"/>\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text class=\"small\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            middle - thick / 2,
            TOP + HIGH - height,
            TOP + HIGH + 16,
            escape(&bar.name),
            TOP + HIGH - height - 5,
            escape(&bar.label)
        );
    }
    let _infallible = write!(
        out,
        "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{0}\" y2=\"{0}\"/>",
        TOP + HIGH
    );
    out + "</svg>"
}

fn longest(bars: &[Bar]) -> u64 {
    bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: u64) -> Bar {
        Bar {
            name: "<1970>".to_owned(),
            value,
            label: value.to_string(),
        }
    }

    fn numbers(svg: &str, name: &str) -> Vec<u64> {
        let pattern = format!(" {name}=\"");
        let found = svg.split("<rect").skip(1);
        found
            .map(|rect| rect.split(&pattern).nth(1).unwrap())
            .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn lengths_follow_values() {
        let svg = horizontal("x", &[bar(100), bar(50), bar(0)]);
        let widths = numbers(&svg, "width");
        assert_eq!(widths, [260, 130, 0]);
        let svg = columns("x", &[bar(10), bar(5)]);
        assert_eq!(numbers(&svg, "height"), [140, 70]);
        assert!(svg.contains("&lt;1970&gt;") && !svg.contains("<1970>"));
    }

    #[test]
    fn parts_stay_inside_their_bar() {
        let parts = vec![998, 1, 1];
        let name = "a".to_owned();
        let svg = stacked("x", &["a", "b", "c"], &[Stacked { name, parts }]);
        let widths = &numbers(&svg, "width")[3..];
        assert!(widths.iter().all(|&width| width > 0));
        assert_eq!(widths.iter().sum::<u64>(), 510);
        let (none, name) = (vec![0, 0, 0], "b".to_owned());
        let svg = stacked("x", &["a", "b", "c"], &[Stacked { name, parts: none }]);
        assert_eq!(numbers(&svg, "width").len(), 3, "only the legend");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        for svg in [
            horizontal("x", &[]),
            columns("x", &[]),
            stacked("x", &[], &[]),
        ] {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        }
    }
}
