//! `docs/forms.md`: each form of a statement, what becomes of it, and where it is refused.
//!
//! Written from the cases that are run both ways, so that a row says what a test has shown.

use super::Documents;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use testkit::MAJORS;
use testkit::forms::{Case, Family, Form, cases, forms};

const HEAD: &str = "\
# Forms

What becomes of each form of a statement on a table that is large and in use, as the generated suite shows it. A row's cases are
named by its key: each type of column, each surrounding (indexes, keys, views, triggers for rows and for statements, comments and
grants, a publication, partitions, heirs) and each way of naming (plain, mixed case, another schema, 63 bytes, quotes and dots) at
least once. Each case is run as written and through nonstop on two databases, whose catalogs and rows must be equal afterwards;
or it is refused by the rule that stands here, with nothing touched. `crates/cli/tests/busy.rs` runs them once more beside three
writers whose acknowledged rows must all be there, and beside somebody who holds the table: nobody waits for nonstop longer than
`--max-block` and 20 ms.

On small and on new tables everything runs as written. Why something is refused stands in `docs/semantics.md`.

`./x forms` runs all of them on every major, on tables of 50,000 rows. `./x docs` writes this page.
";

pub(super) fn render(documents: &mut Documents) {
    let of_majors: Vec<(u32, Vec<Case>)> = MAJORS.map(|major| (major, cases(major, 300))).into();
    let newest = of_majors.last().map_or(&[] as &[Case], |(_, cases)| cases);
    let alone = newest.iter().filter(|case| case.forms.len() == 1).count();
    let mut page = HEAD.to_owned();
    let count = format!(
        "\n{} forms; {} cases of one form and {} of several in one migration (PostgreSQL 18).\n",
        forms().len(),
        alone,
        newest.len() - alone
    );
    page.push_str(&count);
    for (family, title) in FAMILIES {
        let _ = write!(
            page,
            "\n## {title}\n\n| key | as written | on a large table | cases | refused |\n|---|---|---|---:|---|\n"
        );
        for form in forms().into_iter().filter(|form| form.family == family) {
            let own = |cases: &[Case]| cases.iter().filter(|case| is_of(case, form)).count();
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                form.key,
                form.written,
                form.becomes,
                own(newest),
                refused(form, &of_majors)
            );
        }
    }
    documents.insert("docs/forms.md".to_owned(), page);
}

const FAMILIES: [(Family, &str); 7] = [
    (Family::Indexes, "Indexes"),
    (Family::Keys, "Constraints"),
    (Family::Columns, "Columns"),
    (Family::Types, "Types of columns"),
    (Family::Rows, "Rows"),
    (Family::Partitions, "Partitions"),
    (Family::Others, "Others"),
];

fn is_of(case: &Case, form: &Form) -> bool {
    matches!(case.forms.as_slice(), [own] if own.key == form.key)
}

/// By which rule it is refused, and where, if not everywhere.
fn refused(form: &Form, of_majors: &[(u32, Vec<Case>)]) -> String {
    let mut rules: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<u32>)> = BTreeMap::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut majors: BTreeSet<u32> = BTreeSet::new();
    for (major, cases) in of_majors {
        for case in cases.iter().filter(|case| is_of(case, form)) {
            majors.insert(*major);
            if let Some(rule) = case.refused {
                let (around, since) = rules.entry(rule).or_default();
                around.insert(case.spot.around.in_words());
                since.insert(*major);
            } else {
                taken.insert(case.spot.around.in_words());
            }
        }
    }
    let said = rules.into_iter().map(|(rule, (around, since))| {
        let mut said = format!("`{rule}`");
        let first = since.iter().next().copied().unwrap_or_default();
        if since.len() < majors.len() {
            let _ = write!(said, " from {first} on");
        }
        if around.iter().any(|around| !taken.contains(around)) && !taken.is_empty() {
            let around: Vec<&str> = around.into_iter().collect();
            let _ = write!(said, " on a table {}", around.join(", "));
        }
        said
    });
    let said: Vec<String> = said.collect();
    said.join("; ")
}
