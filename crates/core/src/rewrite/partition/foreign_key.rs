//! Foreign keys of partitioned tables.

use super::super::footprint::{Footprint, of_constraint};
use super::super::{Piece, Refusal, Scene, constraint};
use super::refused;
use crate::catalog::{Constraint, ConstraintKind, RelationKind};
use crate::lock::LockMode::{AccessExclusive, ShareRowExclusive};
use crate::quote::{Ident, Name};
use crate::rules;
use crate::sql;
use crate::sql::ConstraintDef;

/// A foreign key of a partitioned table where it cannot be NOT VALID (before 18): each leaf gets it first, and the parent's
/// takes these over without reading a row (`tryAttachPartitionForeignKey` in `tablecmds.c`).
pub(in crate::rewrite) fn foreign_key(
    statement: usize,
    table: &Name,
    name: &str,
    def: &ConstraintDef,
    parent: &Name,
    look: Option<Piece>,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let print = of_constraint(Footprint::default(), scene.catalog, table, def);
    let mut pieces: Vec<Piece> = look.into_iter().collect();
    for leaf in scene.catalog.descendants(table) {
        let Some(rel) = scene.catalog.relation(&leaf) else {
            continue;
        };
        let similar = |own: &Constraint| {
            own.name == name
                || own.columns == def.columns
                    && matches!(&own.kind, ConstraintKind::ForeignKey { references, .. } if references == parent)
        };
        if rel.constraints.iter().any(similar) {
            return Err(refused(
                &rules::foreign_key_scans_table::RULE,
                &format!("the partition {leaf} has such a key, or a constraint called {name}, already"),
                table,
                "Add and validate the key on each partition first: then adding it to the parent reads nothing.",
            ));
        }
        if rel.kind != RelationKind::Table {
            continue;
        }
        let locks = constraint::families(scene, (&leaf, ShareRowExclusive), (parent, ShareRowExclusive));
        pieces.push(constraint::not_valid(statement, &leaf, name, def, locks, print.clone()));
        pieces.push(constraint::validate(
            statement,
            &leaf,
            name,
            print.clone(),
            Some(parent),
        ));
    }
    let locks = constraint::families(scene, (table, ShareRowExclusive), (parent, AccessExclusive));
    let undo = constraint::drop_constraint(table, name, locks.clone());
    pieces.push(constraint::instant(
        statement,
        sql!(
            "ALTER TABLE {} ADD CONSTRAINT {} {}",
            table,
            Ident(name),
            def.definition
        ),
        locks,
        undo,
        print,
        "takes over the keys of the partitions: nothing is read",
    ));
    Ok(pieces)
}
