//! `SET NOT NULL` without reading the table under ACCESS EXCLUSIVE.
//!
//! Up to 17 a CHECK that is validated first proves it (`NotNullImpliedByRelConstraints` in `tablecmds.c`); from 18 the
//! not-null constraint itself can be NOT VALID.

use super::constraint::{drop_constraint, family, instant, validate};
use super::footprint::{Footprint, Key};
use super::{Piece, Scene, check};
use crate::effect::proves_not_null;
use crate::lock::LockMode::AccessExclusive;
use crate::quote::{Ident, Name};
use crate::sql;
use crate::step::{Undo, UndoStep};
use crate::version::ServerVersion;
use std::collections::BTreeSet;

/// Pieces around a statement that needs columns proved NOT NULL.
pub(super) struct Proof {
    /// Before it: look, CHECK NOT VALID, VALIDATE.
    pub(super) before: Vec<Piece>,
    /// After it: drop the CHECK.
    pub(super) after: Vec<Piece>,
}

impl Proof {
    pub(super) fn none() -> Self {
        Self {
            before: Vec::new(),
            after: Vec::new(),
        }
    }
}

/// Those columns that may hold NULL as far as the catalog knows.
pub(super) fn unproved(scene: &Scene<'_>, table: &Name, columns: &[String]) -> Vec<String> {
    let Some(rel) = scene.catalog.relation(table) else {
        return Vec::new();
    };
    let open = |column: &&String| rel.column(column).is_none_or(|c| !c.not_null) && !proves_not_null(rel, column);
    columns.iter().filter(open).cloned().collect()
}

fn print(table: &Name, columns: &[String]) -> Footprint {
    let mut print = Footprint::default().columns(table, columns);
    print
        .writes
        .extend(columns.iter().map(|column| Key::Column(table.clone(), column.clone())));
    print
}

/// A validated CHECK over the columns, dropped again afterwards.
pub(super) fn prove(statement: usize, table: &Name, columns: &[String], scene: &Scene<'_>) -> Proof {
    if columns.is_empty() {
        return Proof::none();
    }
    let mut proof = Proof {
        before: vec![check::nulls(statement, table, columns)],
        after: Vec::new(),
    };
    let mut taken = BTreeSet::new();
    for column in columns {
        let name = scene
            .catalog
            .choose_constraint_name(table, Some(column), "nonstop_not_null", &taken);
        taken.insert(name.clone());
        let locks = family(scene, table, AccessExclusive);
        let add = sql!(
            "ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
            table,
            Ident(&name),
            Ident(column)
        );
        let undo = drop_constraint(table, &name, locks.clone());
        let own = std::slice::from_ref(column);
        proof.before.push(instant(
            statement,
            add,
            locks.clone(),
            undo,
            print(table, own),
            "a CHECK that will prove it",
        ));
        proof
            .before
            .push(validate(statement, table, &name, print(table, own), None));
        // It may share the next transaction, never the statement: there the scan would come back.
        let drop = sql!("ALTER TABLE {} DROP CONSTRAINT {}", table, Ident(&name));
        proof.after.push(instant(
            statement,
            drop,
            locks,
            Undo::Nothing,
            print(table, own),
            "the proof is no longer needed",
        ));
    }
    proof
}

/// `ALTER COLUMN … SET NOT NULL` on a large table.
pub(super) fn set(statement: usize, table: &Name, column: &str, scene: &Scene<'_>) -> Vec<Piece> {
    let own = [column.to_owned()];
    let locks = family(scene, table, AccessExclusive);
    let back = Undo::Steps(vec![UndoStep {
        sql: sql!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table, Ident(column)),
        transaction: true,
        locks: locks.clone(),
    }]);
    if scene.catalog.version >= ServerVersion::of_major(18) {
        // The name that the server itself would give.
        let name = scene
            .catalog
            .choose_constraint_name(table, Some(column), "not_null", &BTreeSet::new());
        let add = sql!(
            "ALTER TABLE {} ADD CONSTRAINT {} NOT NULL {} NOT VALID",
            table,
            Ident(&name),
            Ident(column)
        );
        return vec![
            check::nulls(statement, table, &own),
            instant(
                statement,
                add,
                locks,
                back,
                print(table, &own),
                "new rows are checked from now on",
            ),
            validate(statement, table, &name, print(table, &own), None),
        ];
    }
    let mut proof = prove(statement, table, &own, scene);
    let mut pieces = std::mem::take(&mut proof.before);
    let set = sql!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table, Ident(column));
    pieces.push(instant(
        statement,
        set,
        locks,
        back,
        print(table, &own),
        "proved: nothing is read",
    ));
    pieces.append(&mut proof.after);
    pieces
}
