//! The swap: in one short transaction the new column takes the old one's place, and all that hangs on it the old names.

use super::super::constraint::{families, instant, timing, word};
use super::super::footprint::Key as Print;
use super::super::partition::read_constraint;
use super::super::{Piece, merge_lock};
use super::Shadow;
use crate::catalog::{ConstraintKind, Generated, ReplicaIdentity};
use crate::lock::LockMode::AccessExclusive;
use crate::quote::{Ident, Name, SqlText};
use crate::sql;
use crate::step::{RelationLock, Undo};
use crate::version::ServerVersion;

impl Shadow<'_> {
    /// Its statements, in order. What gives them one transaction is that none of them may stand alone.
    pub(super) fn swapped(&self) -> Vec<Piece> {
        let change = &self.change;
        let mut texts = vec![self.carry()];
        texts.push(sql!("DROP TRIGGER {} ON {}", Ident(&self.trigger), change.table));
        texts.push(sql!("DROP FUNCTION {}()", self.function));
        self.let_go(&mut texts);
        self.defaults(&mut texts);
        self.take_place(&mut texts);
        self.take_names(&mut texts);
        texts.extend(self.remember());
        let locks = self.swap_locks();
        // Each says so, so that all of them find the same place in the order.
        let why = format!("{}.{} of the old type is gone", change.table, change.column.name);
        let print = self.swap_print();
        let pieces = texts.into_iter().map(|sql| {
            instant(
                change.statement,
                sql,
                locks.clone(),
                Undo::Impossible(why.clone()),
                print.clone(),
                "the new column takes the place of the old one",
            )
        });
        pieces.collect()
    }

    /// Keys of both tables stand in the way of the old column.
    fn let_go(&self, texts: &mut Vec<SqlText>) {
        let table = self.change.table;
        let drop = |of: &Name, name: &str| sql!("ALTER TABLE {} DROP CONSTRAINT {}", of, Ident(name));
        texts.extend(self.pointing.iter().map(|(child, twin)| drop(child, &twin.old.name)));
        texts.extend(self.constraints.iter().map(|twin| drop(table, &twin.old.name)));
        let keys = self.indexes.iter().filter_map(|twin| twin.old.constraint.as_deref());
        texts.extend(keys.map(|key| drop(table, key)));
    }

    fn defaults(&self, texts: &mut Vec<SqlText>) {
        let (change, table) = (&self.change, self.change.table);
        let new = Ident(&self.name);
        if let (Some(proof), true) = (&self.proof, change.catalog().version < ServerVersion::of_major(18)) {
            texts.push(sql!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table, new));
            texts.push(sql!("ALTER TABLE {} DROP CONSTRAINT {}", table, Ident(proof)));
        }
        if change.column.generated == Generated::Identity {
            return texts.push(self.identity());
        }
        if let Some(default) = change.column.default.as_ref().filter(|default| !default.sql.is_empty()) {
            let value = SqlText::verbatim(&default.sql);
            texts.push(sql!("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}", table, new, value));
        }
        let column = (table.clone(), change.column.name.clone());
        for (sequence, rel) in &change.catalog().relations {
            if rel.owned_by.as_ref() == Some(&column) {
                texts.push(sql!("ALTER SEQUENCE {} OWNED BY {}.{}", sequence, table, new));
            }
        }
    }

    fn take_place(&self, texts: &mut Vec<SqlText>) {
        let (change, table) = (&self.change, self.change.table);
        let old = Ident(&change.column.name);
        texts.push(sql!("ALTER TABLE {} DROP COLUMN {}", table, old));
        texts.push(sql!(
            "ALTER TABLE {} RENAME COLUMN {} TO {}",
            table,
            Ident(&self.name),
            old
        ));
    }

    fn take_names(&self, texts: &mut Vec<SqlText>) {
        let (change, table) = (&self.change, self.change.table);
        let rename = |of: &Name, from: &str, to: &str| {
            sql!("ALTER TABLE {} RENAME CONSTRAINT {} TO {}", of, Ident(from), Ident(to))
        };
        let is_not_null = |own: &&crate::catalog::Constraint| {
            own.kind == ConstraintKind::NotNull && own.columns == [change.column.name.clone()]
        };
        if let (Some(proof), Some(own)) = (&self.proof, change.rel.constraints.iter().find(is_not_null)) {
            texts.push(rename(table, proof, &own.name));
        }
        for twin in &self.indexes {
            let Some(constraint) = &twin.old.constraint else {
                let index = table.sibling(&twin.name);
                texts.push(sql!("ALTER INDEX {} RENAME TO {}", index, Ident(&twin.old.name)));
                continue;
            };
            let Some(own) = change.rel.constraint(constraint) else {
                continue;
            };
            let primary = own.kind == ConstraintKind::PrimaryKey;
            let timing = read_constraint(&own.definition).map_or(SqlText::verbatim(""), |def| timing(&def));
            texts.push(sql!(
                "ALTER TABLE {} ADD CONSTRAINT {} {} USING INDEX {}{}",
                table,
                Ident(constraint),
                word(primary),
                Ident(&twin.name),
                timing
            ));
        }
        texts.extend(
            self.constraints
                .iter()
                .map(|twin| rename(table, &twin.name, &twin.old.name)),
        );
        texts.extend(
            self.pointing
                .iter()
                .map(|(child, twin)| rename(child, &twin.name, &twin.old.name)),
        );
        if let ReplicaIdentity::Index(name) = &change.rel.replica_identity
            && self.indexes.iter().any(|twin| twin.old.name == *name)
        {
            texts.push(sql!(
                "ALTER TABLE {} REPLICA IDENTITY USING INDEX {}",
                table,
                Ident(name)
            ));
        }
    }

    /// A foreign key is dropped under ACCESS EXCLUSIVE on both its tables.
    fn swap_locks(&self) -> Vec<RelationLock> {
        let (scene, table) = (self.change.scene, self.change.table);
        let mut locks = self.locks();
        let referenced = self.constraints.iter().filter_map(|twin| match &twin.old.kind {
            ConstraintKind::ForeignKey { references, .. } => Some(references),
            _ => None,
        });
        for other in referenced.chain(self.pointing.iter().map(|(child, _)| *child)) {
            for lock in families(scene, (table, AccessExclusive), (other, AccessExclusive)) {
                merge_lock(&mut locks, lock);
            }
        }
        locks
    }

    fn swap_print(&self) -> super::super::Footprint {
        let (change, table) = (&self.change, self.change.table);
        let column = |name: &str| Print::Column(table.clone(), name.to_owned());
        let mut print = self.print().write(column(&change.column.name)).write(column("*"));
        let own = self
            .constraints
            .iter()
            .map(|twin| (table, [&twin.old.name, &twin.name]));
        let pointing = self
            .pointing
            .iter()
            .map(|(child, twin)| (*child, [&twin.old.name, &twin.name]));
        let indexes = self.indexes.iter().map(|twin| (table, [&twin.old.name, &twin.name]));
        for (of, names) in own.chain(pointing).chain(indexes) {
            print = print.columns(of, &[]);
            for name in names {
                print = print.write(Print::Object(of.sibling(name.as_str())));
            }
        }
        print
    }
}
