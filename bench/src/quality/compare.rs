//! Candidate layouts side by side on the same people, and what the keys alone do.

use std::collections::BTreeMap;

use linker_match::Settings;
use serde_json::{Value, json};

use super::{
    Options,
    layouts::{LAYOUTS, Layout},
    pipeline::{Names, Sources},
};
use crate::{
    error::BenchError,
    errors::Preset,
    evaluate::{Score, float},
    machine,
    people::Population,
    ui::say,
};

/// Records on which layouts are compared: presets as they are, and the usual hospital with names cut away.
const COLUMNS: [(&str, Preset, Names); 7] = [
    ("clean-register", Preset::CleanRegister, Names::AsWritten),
    (
        "typical-hospital",
        Preset::TypicalHospital,
        Names::AsWritten,
    ),
    ("stress-59", Preset::Stress59, Names::AsWritten),
    ("stress-85", Preset::Stress85, Names::AsWritten),
    ("kana-only", Preset::TypicalHospital, Names::KanaOnly),
    ("kanji-only", Preset::TypicalHospital, Names::KanjiOnly),
    ("mixed", Preset::TypicalHospital, Names::Mixed),
];

/// F1 by layout, column and seed.
type Table = Vec<Vec<Vec<f64>>>;
/// The column whose rows are looked at for uneven bits.
const EVEN: &str = "typical-hospital";

/// Compares layouts, those named or all.
pub(super) fn run(options: &Options, names: &[String]) -> Result<Value, BenchError> {
    let chosen = choose(names)?;
    let columns: Vec<_> = COLUMNS
        .into_iter()
        .filter(|(_, preset, _)| options.presets.contains(preset))
        .collect();
    let schemas: Vec<_> = chosen.iter().map(|layout| layout.schema()).collect();
    let mut table: Table = vec![vec![Vec::new(); columns.len()]; chosen.len()];
    let mut uneven: Vec<Vec<f64>> = vec![Vec::new(); chosen.len()];
    let mut kernel = "";
    for &seed in &options.seeds {
        let population = Population::generate(options.people, seed);
        let mut sources: Option<(Preset, Sources)> = None;
        for (column, (name, preset, kept)) in columns.iter().enumerate() {
            let known = sources.take().filter(|(known, _)| known == preset);
            let (_, records) = sources.insert(match known {
                Some(known) => known,
                None => (*preset, Sources::of(&population, *preset)?),
            });
            for (row, schema) in schemas.iter().enumerate() {
                let encoded = records.encode(schema, *kept);
                let linked = encoded.link(schema, &Settings::standard())?;
                kernel = linked.kernel;
                if *name == EVEN && uneven[row].is_empty() {
                    uneven[row] = encoded.unevenness(schema);
                }
                let persons = records.records().map(|held| held.traits.person);
                let f1 = Score::of(linked.clusters.iter().copied().zip(persons).collect()).f1;
                table[row][column].push(f1);
                say(&format!(
                    "seed {seed}  {name:<17} {:<20} F1 {f1:.4}",
                    chosen[row].name
                ));
            }
        }
    }
    let columns: Vec<&str> = columns.iter().map(|(name, ..)| *name).collect();
    show(&chosen, &columns, &table, &uneven);
    Ok(json!({
        "bench": "quality --schema",
        "machine": machine::machine(kernel),
        "commit": machine::commit(),
        "date": machine::date(),
        "people": options.people,
        "seeds": options.seeds,
        "unit": "F1 of clusters; differences from the first layout, seed by seed",
        "layouts": rows(&chosen, &columns, &table, &uneven),
    }))
}

fn choose(names: &[String]) -> Result<Vec<&'static Layout>, BenchError> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !LAYOUTS.iter().any(|layout| layout.name == **name))
    {
        return Err(BenchError::Named {
            path: unknown.into(),
            reason: "there is no layout of this name".to_owned(),
        });
    }
    // The shipped layout is always there to be compared with.
    let wanted = |layout: &&Layout| {
        names.is_empty() || layout.name == LAYOUTS[0].name || names.iter().any(|n| n == layout.name)
    };
    Ok(LAYOUTS.iter().filter(wanted).collect())
}

/// A mean over seeds with the half width of its 95% interval (Student's t); none for a single seed.
fn mean(values: &[f64]) -> (f64, Option<f64>) {
    const T: [f64; 10] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    ];
    let count = float(values.len() as u64);
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, None);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    let t = T.get(values.len() - 2).copied().unwrap_or(2.228);
    (mean, Some(t * error))
}

fn differences(values: &[f64], first: &[f64]) -> Vec<f64> {
    values.iter().zip(first).map(|(a, b)| a - b).collect()
}

fn show(layouts: &[&Layout], columns: &[&str], table: &Table, uneven: &[Vec<f64>]) {
    let head: String = columns
        .iter()
        .map(|name| format!(" {name:>18} |"))
        .collect();
    say(&format!("| {:<20} |{head} uneven |", "layout"));
    say(&format!(
        "|{}|{}",
        "-".repeat(22),
        "---:|".repeat(columns.len() + 1)
    ));
    for (row, layout) in layouts.iter().enumerate() {
        let cells: String = (0..columns.len())
            .map(|column| {
                let values = &table[row][column];
                if row == 0 {
                    return format!(" {:>18.4} |", mean(values).0);
                }
                let (change, half) = mean(&differences(values, &table[0][column]));
                let half = half.map_or(String::new(), |half| format!(" ± {half:.4}"));
                format!(" {:>18} |", format!("{change:+.4}{half}"))
            })
            .collect();
        let most = uneven[row].iter().copied().fold(0.0, f64::max);
        say(&format!("| {:<20} |{cells} {most:>6.3} |", layout.name));
    }
}

fn rows(layouts: &[&Layout], columns: &[&str], table: &Table, uneven: &[Vec<f64>]) -> Vec<Value> {
    let rows = layouts.iter().zip(table).zip(uneven);
    rows.map(|((layout, cells), uneven)| {
        let columns: BTreeMap<&str, Value> = columns
            .iter()
            .zip(cells.iter().zip(&table[0]))
            .map(|(name, (values, first))| {
                let (change, half) = mean(&differences(values, first));
                let cell = json!({
                    "f1": mean(values).0,
                    "f1_by_seed": values,
                    "change": change,
                    "change_half_95": half,
                });
                (*name, cell)
            })
            .collect();
        let schema = layout.schema();
        json!({
            "name": layout.name,
            "what": layout.what,
            "schema_digest": schema.digest().to_string(),
            "canonical": schema.canonical(),
            // Per segment, of the typical hospital's first seed.
            "most_uneven_bit": uneven,
            "columns": columns,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_interval_of_student() {
        let (value, half) = mean(&[1.0, 2.0, 3.0]);
        assert!((value - 2.0).abs() < 1e-12);
        // s = 1, so 4.303/√3.
        assert!((half.unwrap() - 2.484).abs() < 1e-3);
        assert_eq!(mean(&[5.0]), (5.0, None));
    }

    #[test]
    fn unknown_layouts_are_refused() {
        assert!(choose(&["no-such".to_owned()]).is_err());
        let some = choose(&["t-3".to_owned()]).unwrap();
        assert_eq!(
            some.iter().map(|layout| layout.name).collect::<Vec<_>>(),
            ["jp-1", "t-3"]
        );
        assert_eq!(choose(&[]).unwrap().len(), LAYOUTS.len());
    }
}
