//! Forms made into cases: each form with each type of its list, in each of its surroundings, under each way of naming; and
//! forms that stand together in one migration.

use super::around::{Around, EVERY};
use super::columns::{Column, ONE};
use super::form::{Company, Family, Fill, Form, KEYLESS, Spot};
use super::names::{NAMINGS, Names, Naming};
use super::{on_columns, on_indexes, on_keys, on_rows};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How many migrations of several forms there are.
const TOGETHER: usize = 60;

/// A migration, what is there before, and what is to become of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name: the forms, the column's type, the surrounding and the way of naming.
    pub name: String,
    /// The forms that it holds.
    pub forms: Vec<&'static Form>,
    /// Where it stands.
    pub spot: Spot,
    /// What is there before.
    pub setup: String,
    /// The migration.
    pub migration: String,
    /// The rule by which it is refused.
    pub refused: Option<&'static str>,
    /// It writes what is another value each time.
    pub unsteady: bool,
    /// What the application does beside it; `None` where its names change under it, or it is refused.
    pub writes: Option<Writes>,
}

/// What writers do, with `{id}`, `{n}`, `{c}`, `{r}` and `{w}`; and what must hold afterwards.
#[derive(Debug, Clone)]
pub struct Writes {
    /// The column's value of each `n`, as text, from `$1` to `$2`.
    pub values: String,
    /// Adds a row.
    pub insert: String,
    /// Changes a row of the writer's own.
    pub update: String,
    /// Changes a row that was there before.
    pub touch: String,
    /// Takes a row away.
    pub delete: String,
    /// All rows, as id, n and w.
    pub found: String,
    /// Holds the table for a while.
    pub hold: String,
    /// Each counts rows that must not be.
    pub holds: Vec<String>,
    /// How many rows there were; `None` where the migration takes some away.
    pub kept: Option<u32>,
}

/// Every form, family by family.
pub fn forms() -> Vec<&'static Form> {
    [
        on_indexes::FORMS,
        on_keys::FORMS,
        on_columns::COLUMNS,
        on_columns::TYPES,
        on_rows::ROWS,
        on_rows::PARTITIONS,
        on_rows::OTHERS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every case of a major, on tables of so many rows.
pub fn cases(major: u32, rows: u32) -> Vec<Case> {
    let forms: Vec<&'static Form> = forms().into_iter().filter(|form| major >= form.from).collect();
    let mut all = Vec::new();
    for (nth, form) in forms.iter().enumerate() {
        let count = form.columns.len().max(form.around.len()).max(NAMINGS.len());
        for at in 0..count {
            let spot = Spot {
                around: form.around[at % form.around.len()],
                column: form.columns[(at + nth) % form.columns.len()],
                major,
            };
            // As often as a surrounding comes again, its names are others.
            let naming = NAMINGS[(at + at / NAMINGS.len() + nth) % NAMINGS.len()];
            all.push(case(vec![form], spot, naming, rows));
        }
    }
    all.extend(together(&forms, major, rows));
    let mut names = BTreeSet::new();
    all.retain(|case| names.insert(case.name.clone()));
    all
}

/// Some of them by a seed: a step that shares no factor with their number comes by all in the end.
pub fn pick(cases: &[Case], seed: usize, count: usize) -> Vec<Case> {
    let step = (cases.len() / 3..=cases.len() + 1)
        .find(|step| gcd(*step, cases.len()) == 1)
        .unwrap_or(1);
    let picked = (0..count.min(cases.len())).map(|at| cases[(seed + at * step) % cases.len()].clone());
    picked.collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Two and three forms of different families in one migration.
fn together(forms: &[&'static Form], major: u32, rows: u32) -> Vec<Case> {
    let fitting: Vec<&'static Form> = forms
        .iter()
        .copied()
        .filter(|form| form.company == Company::Everybody)
        .collect();
    let mut all = Vec::new();
    let mut turn = 0;
    while all.len() < TOGETHER && turn < TOGETHER * 20 {
        let at = |step: usize, first: usize| fitting[(turn * step + first) % fitting.len()];
        let mut chosen = vec![at(7, 0), at(11, 5)];
        if turn % 3 == 0 {
            chosen.push(at(13, 3));
        }
        if let Some(spot) = common(&chosen, turn, major) {
            all.push(case(chosen, spot, NAMINGS[turn % NAMINGS.len()], rows));
        }
        turn += 1;
    }
    all
}

/// A spot where all of them can stand.
fn common(forms: &[&'static Form], turn: usize, major: u32) -> Option<Spot> {
    let families: BTreeSet<_> = forms.iter().map(|form| form.family).collect();
    // Rows that were changed lie elsewhere, in another order for each way of changing them.
    let moves = families.contains(&Family::Rows) || families.contains(&Family::Types);
    let fills = |fill: Fill| forms.iter().any(|form| form.fill == fill);
    if moves && forms.iter().any(|form| form.numbers)
        || families.len() < forms.len()
        || fills(Fill::Own) && fills(Fill::OfHundred)
        || forms.iter().any(|form| form.key_sql != forms[0].key_sql)
    {
        return None;
    }
    let any = |form: &Form| form.columns.len() == ONE.len();
    let takes = |form: &Form, column: &Column| any(form) || form.columns.iter().any(|known| known.name == column.name);
    // A changing column is that of the form that changes it.
    let choosy = forms
        .iter()
        .filter(|form| !any(form))
        .max_by_key(|form| !form.columns[0].change.is_empty());
    let columns = choosy.map_or(ONE, |form| form.columns);
    let column = (0..columns.len())
        .map(|at| columns[(at + turn) % columns.len()])
        .find(|column| forms.iter().all(|form| takes(form, column)))?;
    (0..EVERY.len())
        .map(|at| Spot {
            around: EVERY[(at + turn) % EVERY.len()],
            column,
            major,
        })
        .find(|spot| {
            // A partition's index that hangs on its parent's is built anew with the type, also where no row is.
            let rebuilds = spot.around == Around::Partitioned
                && families.contains(&Family::Indexes)
                && families.contains(&Family::Types);
            let stands = |form: &&Form| form.around.contains(&spot.around) && form.refusal(spot).is_none();
            !rebuilds && forms.iter().all(stands)
        })
}

fn case(forms: Vec<&'static Form>, spot: Spot, naming: Naming, rows: u32) -> Case {
    let column = spot.column;
    let own = |value: &str, row: &str| value.replace('#', row);
    let of_hundred = forms.iter().any(|form| form.fill == Fill::OfHundred);
    let row_of = |name: &str| {
        if of_hundred {
            format!("(1 + {name} % 100)")
        } else {
            name.to_owned()
        }
    };
    let first = Names { naming, part: 0, rows };
    let mut setup = format!(
        "{}CREATE TYPE $E AS ENUM ('a', 'b', 'c'); CREATE DOMAIN $M AS int;
         CREATE TABLE $T (id int NOT NULL, n int NOT NULL, $C {}, z int, r int, w text NOT NULL DEFAULT 'old'{}){};",
        first.schema(),
        column.sql,
        forms[0].key_sql,
        spot.around.clause(),
    );
    if forms[0].key_sql == KEYLESS {
        setup.push_str("CREATE INDEX ON $T (id);");
    }
    setup.push_str(spot.around.before_rows());
    let _ = write!(
        setup,
        "INSERT INTO $T (id, n, $C, r) SELECT i, i, {}, 1 + i % 100 FROM generate_series(1, $R) AS i;",
        own(column.value, &row_of("i"))
    );
    setup.push_str(spot.around.after_rows());
    let mut setup = first.fill(&setup);
    let mut migration = Vec::new();
    let mut holds = Vec::new();
    for (part, form) in forms.iter().enumerate() {
        let names = Names { part, ..first };
        let filled = |text: &str| {
            let text = text
                .replace("{type}", column.sql)
                .replace("{value}", &own(column.value, "i"))
                .replace("{change}", column.change);
            names.fill(&text)
        };
        setup.push('\n');
        setup.push_str(&filled(form.before));
        migration.push(filled(form.sql));
        if !form.holds.is_empty() {
            holds.push(filled(form.holds));
        }
    }
    let changes = forms.iter().any(|form| !form.columns[0].change.is_empty());
    let after = if changes { column.after } else { column.value };
    if !after.is_empty() {
        let expected = own(after, &row_of("n"));
        holds.push(first.fill(&format!(
            "SELECT count(*) FROM $T WHERE $C IS DISTINCT FROM ({expected})"
        )));
    }
    let refused = forms.iter().find_map(|form| form.refusal(&spot));
    let found = forms.iter().map(|form| form.found).max_by_key(|found| found.len());
    let deletes = forms.iter().any(|form| form.deletes);
    let writes = Writes {
        values: first.fill(&format!(
            "SELECT i, ({})::text FROM generate_series($1::int, $2::int) AS i",
            own(column.written, &row_of("i"))
        )),
        insert: first.fill("INSERT INTO $T (id, n, $C, r, w) VALUES ({id}, {n}, {c}, {r}, '{w}')"),
        update: first.fill("UPDATE $T SET n = {n}, $C = {c}, w = '{w}' WHERE id = {id}"),
        touch: first.fill("UPDATE $T SET w = '{w}' WHERE id = {id}"),
        delete: first.fill("DELETE FROM $T WHERE id = {id}"),
        found: first.fill(found.unwrap_or_default()),
        hold: first.fill("BEGIN; SELECT 1 FROM $T LIMIT 1"),
        holds,
        kept: (!deletes).then_some(rows),
    };
    let keys: Vec<&str> = forms.iter().map(|form| form.key).collect();
    Case {
        name: format!(
            "{}/{}/{}/{}",
            keys.join("+"),
            column.name,
            spot.around.name(),
            naming.name()
        ),
        spot,
        setup,
        migration: migration.join(";\n"),
        refused,
        unsteady: forms.iter().any(|form| form.unsteady),
        writes: (refused.is_none() && forms.iter().all(|form| form.company != Company::Nobody)).then_some(writes),
        forms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_stands_in_every_surrounding_of_its_own() {
        let all = cases(18, 300);
        assert!(all.len() > 500, "{}", all.len());
        for form in forms() {
            for around in form.around {
                let stands = |case: &&Case| case.forms.len() == 1 && case.forms[0].key == form.key;
                let found = all.iter().filter(stands).any(|case| case.spot.around == *around);
                assert!(found, "{} {around:?}", form.key);
            }
        }
        assert!(all.iter().filter(|case| case.forms.len() > 1).count() > 30);
    }

    #[test]
    fn a_seed_comes_by_all() {
        let all = cases(15, 300);
        let names: BTreeSet<String> = pick(&all, 3, all.len()).into_iter().map(|case| case.name).collect();
        assert_eq!(names.len(), all.len());
    }
}
