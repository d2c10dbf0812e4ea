//! Where the kinds of claims keep the patient's fields in their RE records.

use super::Line;

/// Fields of an RE record, counted from 1 with the record's kind; with names where they are screened.
pub(super) struct Layout {
    /// The score table that the claims are written after.
    table: u8,
    pub(super) name: usize,
    pub(super) kana: usize,
    pub(super) sex: usize,
    pub(super) birth: usize,
    pub(super) chart: (usize, &'static str),
    search: (usize, &'static str),
}

/// Medical claims. DPC claims have the same places: they use spare fields 17 and 18.
const MEDICAL: Layout = Layout {
    table: b'1',
    name: 5,
    kana: 37,
    sex: 6,
    birth: 7,
    chart: (14, "RE-14"),
    search: (19, "RE-19"),
};

const LAYOUTS: [Layout; 4] = [
    MEDICAL,
    // Start and outcome of treatment come before the ward.
    Layout {
        table: b'3',
        name: 5,
        kana: 26,
        sex: 6,
        birth: 7,
        chart: (16, "RE-16"),
        search: (20, "RE-20"),
    },
    // The prescribing institution and twenty doctors come before the number of the dispensing record.
    Layout {
        table: b'4',
        name: 5,
        kana: 42,
        sex: 6,
        birth: 7,
        chart: (36, "RE-36"),
        search: (38, "RE-38"),
    },
    // The name in kana follows the name.
    Layout {
        table: b'6',
        name: 5,
        kana: 6,
        sex: 7,
        birth: 8,
        chart: (14, "RE-14"),
        search: (15, "RE-15"),
    },
];

impl Layout {
    /// The layout for a score table or a claim's type, whose first digit is the table.
    pub(super) fn of(code: &str) -> Option<&'static Self> {
        let table = code.as_bytes().first();
        LAYOUTS.iter().find(|layout| Some(&layout.table) == table)
    }

    /// The layout of a claim: after its type, else after its institution, else medical.
    pub(super) fn of_claim(line: &Line<'_>, institution: Option<&'static Self>) -> &'static Self {
        Self::of(line.code(3)).or(institution).unwrap_or(&MEDICAL)
    }

    /// Fields that could hold a forbidden number by mistake, with their names in reports.
    pub(super) fn screened(&self) -> [(usize, &'static str); 3] {
        [(self.name, "RE-5"), self.chart, self.search]
    }
}
