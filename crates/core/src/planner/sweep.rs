//! `UPDATE t SET c = … WHERE c IS NULL`, and then `SET NOT NULL`.
//!
//! In one transaction nobody can write a NULL between the two. In batches somebody can, behind the end or behind the window;
//! so the rows are gone through once more, when new ones are already checked and before the old ones are proved.

use crate::catalog::Catalog;
use crate::quote::Name;
use crate::rewrite::{Body, Piece};
use crate::sql::{ActionKind, Kind, Statement};
use crate::step::StepKind;

/// Fills that were seen, each with its column.
#[derive(Debug, Default)]
pub(super) struct Fills(Vec<(Name, String, Piece)>);

impl Fills {
    /// Keeps a fill in mind, or puts the fills of a column in front of the proof that it is NOT NULL.
    pub(super) fn pass(&mut self, statement: &Statement, pieces: &mut Vec<Piece>, catalog: &Catalog) {
        match &statement.kind {
            Kind::Dml(dml) => {
                let nulls = dml.shape.iter().flat_map(|shape| &shape.nulls);
                let filled = nulls.filter(|column| dml.sets.iter().any(|(set, _)| set == *column));
                let batches = pieces.iter().filter(|piece| matches!(piece.body, Body::Batches(_)));
                for (column, piece) in filled.zip(batches) {
                    let table = catalog.resolve_or_target(&dml.target);
                    self.0.push((table, column.clone(), piece.clone()));
                }
            }
            Kind::AlterTable(alter) => {
                let table = catalog.resolve_or_target(&alter.name);
                for action in &alter.actions {
                    if let ActionKind::SetNotNull { column } = &action.kind {
                        self.sweep(&table, column, pieces);
                    }
                }
            }
            _ => {}
        }
    }

    fn sweep(&self, table: &Name, column: &str, pieces: &mut Vec<Piece>) {
        let key = crate::rewrite::Key::Column(table.clone(), column.to_owned());
        let proves = |piece: &Piece| {
            matches!(&piece.body, Body::Lone(lone) if lone.kind == StepKind::Validate)
                && piece.footprint.reads.contains(&key)
        };
        let Some(at) = pieces.iter().position(proves) else {
            return;
        };
        let own = self.0.iter().filter(|(of, name, _)| of == table && name == column);
        let again = own.map(|(_, _, piece)| Piece {
            note: "once more, for rows that were written meanwhile".to_owned(),
            ..piece.clone()
        });
        let again: Vec<Piece> = again.collect();
        pieces.splice(at..at, again);
    }
}

#[cfg(test)]
mod tests {
    use crate::planner::tests::plan;
    use crate::step::StepKind::{self, Backfill, Ddl, Validate};

    #[test]
    fn a_fill_goes_once_more_before_the_proof() {
        let kinds = |text: &str| -> Vec<StepKind> { plan(text).steps.iter().map(|step| step.kind).collect() };
        assert_eq!(
            kinds("UPDATE t SET a = 0 WHERE a IS NULL; ALTER TABLE t ALTER COLUMN a SET NOT NULL"),
            [Backfill, Ddl, Backfill, Validate, Ddl]
        );
        assert_eq!(
            kinds("UPDATE t SET a = 0 WHERE a < 0; ALTER TABLE t ALTER COLUMN a SET NOT NULL"),
            [Backfill, Ddl, Validate, Ddl]
        );
    }
}
