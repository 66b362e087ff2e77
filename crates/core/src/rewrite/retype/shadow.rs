//! The shadow column until the swap: made, kept equal, filled, indexed, its constraints proved.

use super::super::constraint::{drop_constraint, families, family, instant, validate};
use super::super::footprint::Key as Print;
use super::super::{Body, Lone, Piece, fill, index, lock, undo};
use super::Shadow;
use crate::catalog::ConstraintKind;
use crate::lock::LockMode::{AccessExclusive, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::{Ident, Literal, Name, SqlText};
use crate::source::SourceFile;
use crate::sql;
use crate::sql::{CreateIndex, Kind};
use crate::step::{Goal, StepKind, Undo, UndoStep, Work};
use crate::version::ServerVersion;

impl Shadow<'_> {
    /// The empty column, and the trigger that gives it its value from now on.
    pub(super) fn made(&self) -> Vec<Piece> {
        let (change, table) = (&self.change, self.change.table);
        let piece = |sql, back: SqlText, note| {
            let back = UndoStep {
                sql: back,
                transaction: true,
                locks: self.locks(),
            };
            let print = self.print().write(Print::Column(table.clone(), "*".to_owned()));
            instant(
                change.statement,
                sql,
                self.locks(),
                Undo::Steps(vec![back]),
                print,
                note,
            )
        };
        let column = Ident(&self.name);
        let add = sql!("ALTER TABLE {} ADD COLUMN {} {}", table, column, change.definition);
        let body = match change.using {
            None => sql!("NEW.{} := NEW.{};", column, Ident(&change.column.name)),
            Some(_) => sql!(
                "NEW.{} := (SELECT {} FROM (SELECT NEW.*) AS {});",
                column,
                change.value(),
                Ident(&table.name)
            ),
        };
        let body = sql!("BEGIN {} RETURN NEW; END", body);
        // Whoever writes, the value is what the migration's own session would make of it.
        let function = sql!(
            "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT \
             SET \"TimeZone\" FROM CURRENT SET \"DateStyle\" FROM CURRENT SET \"IntervalStyle\" FROM CURRENT AS {}",
            self.function,
            Literal(body.as_str())
        );
        let trigger = sql!(
            "CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}()",
            Ident(&self.trigger),
            table,
            self.function
        );
        let always = sql!("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}", table, Ident(&self.trigger));
        let mut pieces = vec![
            piece(
                add,
                undo::alter(table, &sql!("DROP COLUMN IF EXISTS {}", column), change.scene).sql,
                "a column of the new type, which a trigger keeps equal",
            ),
            piece(function, sql!("DROP FUNCTION IF EXISTS {}()", self.function), ""),
            piece(
                trigger,
                sql!("DROP TRIGGER IF EXISTS {} ON {}", Ident(&self.trigger), table),
                "",
            ),
        ];
        pieces.push(instant(
            change.statement,
            always,
            self.locks(),
            Undo::Nothing,
            self.print(),
            "",
        ));
        pieces
    }

    /// The old rows get their value.
    pub(super) fn filled(&self) -> Piece {
        let (change, table) = (&self.change, self.change.table);
        let value = change.value();
        let update = sql!("UPDATE {} SET {} = {}", table, Ident(&self.name), value);
        // Of a row, IS NULL would ask each of its fields.
        let condition = sql!(
            "{} IS NOT DISTINCT FROM NULL AND {} IS DISTINCT FROM NULL",
            Ident(&self.name),
            value
        );
        let key = self.key.clone();
        fill::filled(
            change.statement,
            table,
            (update, condition),
            key,
            self.print(),
            change.catalog(),
        )
    }

    /// What proves the new column NOT NULL, without a scan in the swap.
    pub(super) fn proved(&self) -> Vec<Piece> {
        let (change, table) = (&self.change, self.change.table);
        let Some(name) = &self.proof else { return Vec::new() };
        let column = Ident(&self.name);
        let rule = if change.catalog().version >= ServerVersion::of_major(18) {
            sql!("NOT NULL {}", column)
        } else {
            sql!("CHECK ({} IS NOT NULL)", column)
        };
        let add = sql!(
            "ALTER TABLE {} ADD CONSTRAINT {} {} NOT VALID",
            table,
            Ident(name),
            rule
        );
        vec![
            instant(
                change.statement,
                add,
                self.locks(),
                drop_constraint(table, name, self.locks()),
                self.print(),
                "new rows are checked from now on",
            ),
            validate(change.statement, table, name, self.print(), None),
        ]
    }

    /// Indexes first: the foreign keys that point at the column need theirs.
    pub(super) fn built(&self) -> Vec<Piece> {
        let (change, table) = (&self.change, self.change.table);
        let mut pieces = Vec::new();
        for twin in &self.indexes {
            let Some(made) = read_index(&twin.old.definition) else {
                continue;
            };
            let rest = sql::renamed(made.rest.as_str(), &change.column.name, &self.name);
            let name = table.sibling(&twin.name);
            let print = self.print().write(Print::Object(name.clone()));
            pieces.push(index::build(
                change.statement,
                twin.old.unique,
                table,
                &name,
                &rest,
                print,
            ));
        }
        let own = self.constraints.iter().map(|twin| (table, twin));
        let pointing = self.pointing.iter().map(|(child, twin)| (*child, twin));
        for (of, twin) in own.chain(pointing) {
            let (locks, parent) = match &twin.old.kind {
                ConstraintKind::ForeignKey { references, .. } => (
                    families(change.scene, (of, ShareRowExclusive), (references, ShareRowExclusive)),
                    Some(references),
                ),
                _ => (family(change.scene, of, AccessExclusive), None),
            };
            let not_valid = SqlText::verbatim(" NOT VALID");
            let definition = self.over_shadow(twin.old);
            let add = sql!(
                "ALTER TABLE {} ADD CONSTRAINT {} {}{}",
                of,
                Ident(&twin.name),
                definition,
                not_valid
            );
            // What a key points at may be changed by another statement: its old column must not go in between.
            let pointed = match &twin.old.kind {
                ConstraintKind::ForeignKey { references, columns } => self.print().columns(references, columns),
                _ => self.print(),
            };
            let print = pointed
                .columns(of, &twin.old.columns)
                .write(Print::Object(of.sibling(&twin.name)));
            let back = drop_constraint(of, &twin.name, locks.clone());
            pieces.push(instant(
                change.statement,
                add,
                locks,
                back,
                print.clone(),
                "new rows are checked from now on",
            ));
            if twin.old.valid {
                pieces.push(validate(change.statement, of, &twin.name, print, parent));
            }
        }
        pieces
    }

    /// The planner knows the new column before anybody reads it.
    pub(super) fn analysed(&self) -> Piece {
        let table = self.change.table;
        Piece {
            body: Body::Lone(Lone {
                kind: StepKind::Opaque,
                sql: sql!("ANALYZE {} ({})", table, Ident(&self.name)),
                locks: vec![lock(table, ShareUpdateExclusive)],
                work: Work::None,
                goal: Goal::Repeatable,
                undo: Undo::Nothing,
            }),
            statement: self.change.statement,
            footprint: self.print(),
            note: "a type change drops the column's statistics".to_owned(),
            part: false,
        }
    }
}

/// An index from its definition in the catalog.
pub(super) fn read_index(definition: &str) -> Option<CreateIndex> {
    let script = sql::parse(&SourceFile::new("", definition)).ok()?;
    match script.statements.into_iter().next()?.kind {
        Kind::CreateIndex(index) => Some(index),
        _ => None,
    }
}

/// For a literal: the name as the server reads it.
pub(super) fn quoted(name: &Name) -> SqlText {
    sql!("{}", name)
}
