//! Indexes and keys of partitioned tables: the parent gets a frame, each leaf its own index while reads and writes go on,
//! and `ALTER INDEX … ATTACH PARTITION` puts them together.
//!
//! The names are those that the server would have chosen, and an index that a partition has already is taken where the
//! server would take it (`DefineIndex` and `CompareIndexInfo` in PostgreSQL's `indexcmds.c` and `index.c`).

mod attach;
mod bound;
mod foreign_key;

pub(super) use attach::{attach, beside_default, read_constraint};
pub(super) use foreign_key::foreign_key;

use super::footprint::{Footprint, of_constraint, of_index};
use super::{Piece, Refusal, Scene, check, constraint, index, lock, not_null};
use crate::catalog::{Index, Relation, RelationKind};
use crate::lock::LockMode::{AccessExclusive, AccessShare, Share};
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::rule::Rule;
use crate::rules;
use crate::sql;
use crate::sql::{ConstraintDef, CreateIndex, KeyDef};
use crate::step::{Undo, UndoStep};

/// What is made on the parent, and thereby on each partition.
struct Tree<'a> {
    statement: usize,
    scene: &'a Scene<'a>,
    wanted: Wanted<'a>,
    footprint: Footprint,
    /// What refuses it where it cannot be taken apart.
    rule: &'static Rule,
}

enum Wanted<'a> {
    Index(&'a CreateIndex),
    Key {
        def: &'a ConstraintDef,
        key: &'a KeyDef,
        rest: &'a SqlText,
        primary: bool,
    },
}

/// `CREATE INDEX` on a partitioned table with large partitions.
pub(super) fn index(
    statement: usize,
    wanted: &CreateIndex,
    table: &Name,
    name: &Name,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let tree = Tree {
        statement,
        scene,
        wanted: Wanted::Index(wanted),
        footprint: of_index(scene.catalog, table, wanted),
        rule: &rules::create_index_blocks_writes::RULE,
    };
    let mut pieces = Vec::new();
    if wanted.unique {
        pieces.push(index::duplicates(statement, scene.catalog, table, wanted));
    }
    pieces.push(tree.frame(table, name));
    tree.grow(&mut pieces, table, name)?;
    Ok(pieces)
}

/// `ADD UNIQUE` and `ADD PRIMARY KEY` on a partitioned table with large partitions.
pub(super) fn key(
    statement: usize,
    table: &Name,
    name: &str,
    def: &ConstraintDef,
    (key, rest, primary): (&KeyDef, &SqlText, bool),
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let tree = Tree {
        statement,
        scene,
        wanted: Wanted::Key {
            def,
            key,
            rest,
            primary,
        },
        footprint: of_constraint(Footprint::default(), scene.catalog, table, def),
        rule: if primary {
            &rules::primary_key_builds_index::RULE
        } else {
            &rules::unique_builds_index::RULE
        },
    };
    if primary && scene.catalog.version.major() >= 18 {
        return Err(tree.refuse(
            table,
            "from PostgreSQL 18 on a primary key that a partition had first makes its NOT NULL one of its own",
        ));
    }
    let mut pieces = vec![check::duplicates_of_key(
        statement,
        scene.catalog,
        table,
        &def.columns,
        key.nulls_not_distinct,
    )];
    if primary {
        for column in not_null::unproved(scene, table, &def.columns) {
            pieces.extend(not_null::set(statement, table, &column, scene));
        }
    }
    let name = table.sibling(name);
    pieces.push(tree.frame(table, &name));
    tree.grow(&mut pieces, table, &name)?;
    Ok(pieces)
}

fn refused(rule: &'static Rule, why: &str, table: &Name, help: &str) -> Refusal {
    Refusal {
        rule: rule.code,
        message: format!(
            "{why}: nonstop does not take this apart, and as written it stops {table} with all its partitions together"
        ),
        help: format!("{help} Or allow it in a quiet hour: `--allow blocking`."),
    }
}

impl Tree<'_> {
    /// The parent's index, without those of its partitions: invalid until all are attached.
    fn frame(&self, table: &Name, name: &Name) -> Piece {
        let (sql, mode) = match &self.wanted {
            Wanted::Index(wanted) => (
                sql!(
                    "CREATE {}INDEX {} ON ONLY {} {}",
                    SqlText::verbatim(if wanted.unique { "UNIQUE " } else { "" }),
                    Ident(&name.name),
                    table,
                    wanted.rest
                ),
                Share,
            ),
            Wanted::Key { def, .. } => (
                sql!(
                    "ALTER TABLE ONLY {} ADD CONSTRAINT {} {}",
                    table,
                    Ident(&name.name),
                    def.definition
                ),
                AccessExclusive,
            ),
        };
        let undo = Undo::Steps(vec![self.take_down(table, name)]);
        let locks = vec![lock(table, mode)];
        self.instant(sql, locks, undo, "the parent's index is only its frame")
    }

    /// A frame goes with all that is attached to it.
    fn take_down(&self, table: &Name, name: &Name) -> UndoStep {
        UndoStep {
            sql: match self.wanted {
                Wanted::Index(_) => sql!("DROP INDEX IF EXISTS {}", name),
                Wanted::Key { .. } => sql!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", table, Ident(&name.name)),
            },
            transaction: true,
            locks: constraint::family(self.scene, table, AccessExclusive),
        }
    }

    /// Everything below a frame.
    fn grow(&self, pieces: &mut Vec<Piece>, table: &Name, frame: &Name) -> Result<(), Refusal> {
        for child in self.scene.catalog.children(table) {
            let Some(rel) = self.scene.catalog.relation(child) else {
                continue;
            };
            if let Some(own) = self.fitting(child, rel)? {
                pieces.push(self.attach((table, frame), child, &child.sibling(&own.name), Some(own)));
                continue;
            }
            if rel.kind == RelationKind::ForeignTable {
                if self.is_unique() {
                    return Err(self.refuse(table, &format!("{child} is a foreign table")));
                }
                continue;
            }
            let own = child.sibling(self.name_on(child));
            if rel.kind == RelationKind::PartitionedTable {
                pieces.push(self.frame(child, &own));
                self.grow(pieces, child, &own)?;
            } else {
                self.leaf(pieces, child, &own);
            }
            pieces.push(self.attach((table, frame), child, &own, None));
        }
        Ok(())
    }

    fn leaf(&self, pieces: &mut Vec<Piece>, leaf: &Name, name: &Name) {
        let rest = match &self.wanted {
            Wanted::Index(wanted) => &wanted.rest,
            Wanted::Key { rest, .. } => rest,
        };
        let footprint = self.footprint.clone();
        pieces.push(index::build(
            self.statement,
            self.is_unique(),
            leaf,
            name,
            rest,
            footprint,
        ));
        if let Wanted::Key { def, primary, .. } = &self.wanted {
            let sql = sql!(
                "ALTER TABLE {} ADD CONSTRAINT {} {} USING INDEX {}{}",
                leaf,
                Ident(&name.name),
                constraint::word(*primary),
                Ident(&name.name),
                constraint::timing(def)
            );
            let locks = constraint::family(self.scene, leaf, AccessExclusive);
            let undo = constraint::drop_constraint(leaf, &name.name, locks.clone());
            pieces.push(self.instant(sql, locks, undo, "takes over the index that was built"));
        }
    }

    /// What is attached cannot be detached: it goes with its frame, and what was there before is built again.
    fn attach(&self, (table, frame): (&Name, &Name), child: &Name, own: &Name, before: Option<&Index>) -> Piece {
        let mut back = vec![self.take_down(table, frame)];
        let (undo, note) = match before {
            None => (Undo::Steps(back), "turns the parent's index valid after the last one"),
            Some(before) => {
                let undo = match index::rebuild(child, before) {
                    Undo::Steps(steps) => {
                        back.extend(steps);
                        Undo::Steps(back)
                    }
                    impossible => impossible,
                };
                (undo, "the partition has this index already")
            }
        };
        self.instant(
            sql!("ALTER INDEX {} ATTACH PARTITION {}", frame, own),
            vec![lock(child, AccessShare)],
            undo,
            note,
        )
    }

    fn instant(&self, sql: SqlText, locks: Vec<crate::step::RelationLock>, undo: Undo, note: &str) -> Piece {
        constraint::instant(self.statement, sql, locks, undo, self.footprint.clone(), note)
    }

    fn is_unique(&self) -> bool {
        match &self.wanted {
            Wanted::Index(wanted) => wanted.unique,
            Wanted::Key { .. } => true,
        }
    }

    /// The name that the server would give the index of a partition.
    fn name_on(&self, child: &Name) -> String {
        let (columns, label): (Vec<String>, _) = match &self.wanted {
            Wanted::Index(wanted) => {
                let all = wanted.key_names.iter().chain(&wanted.include);
                (all.cloned().collect(), None)
            }
            Wanted::Key { primary: true, .. } => (Vec::new(), Some("pkey")),
            Wanted::Key { def, key, .. } => (def.columns.iter().chain(&key.include).cloned().collect(), Some("key")),
        };
        let columns = replay::names::index_column_names(&columns);
        self.scene.catalog.choose_index_name(child, &columns, label)
    }

    /// The index of a partition that the server would attach instead of building one. Where that cannot be told for sure, the
    /// statement is refused.
    fn fitting<'r>(&self, child: &Name, rel: &'r Relation) -> Result<Option<&'r Index>, Refusal> {
        let unsure = |index: &Index| {
            let why = format!(
                "the index {} of {child} may be one that the server would take, or not",
                index.name
            );
            Err(self.refuse(child, &why))
        };
        for own in rel.indexes.iter().filter(|own| own.parent.is_none()) {
            match &self.wanted {
                Wanted::Key { def, .. } => {
                    if own.unique && own.keys == def.columns && own.predicate.is_none() {
                        return unsure(own);
                    }
                }
                Wanted::Index(wanted) => {
                    let same = own.method == wanted.method
                        && own.keys == wanted.keys
                        && own.include == wanted.include
                        && own.unique == wanted.unique
                        && own.nulls_not_distinct == wanted.nulls_not_distinct
                        && own.predicate.is_some() == wanted.predicate.is_some();
                    let plain = own.expressions.is_none()
                        && own.predicate.is_none()
                        && wanted.classes.iter().all(Option::is_none)
                        && !wanted.rest.as_str().to_ascii_lowercase().contains("collate")
                        && is_plain(own);
                    if same {
                        return if plain && own.valid { Ok(Some(own)) } else { unsure(own) };
                    }
                }
            }
        }
        Ok(None)
    }

    fn refuse(&self, table: &Name, why: &str) -> Refusal {
        let help = match self.wanted {
            Wanted::Index(_) => {
                "Create the index ON ONLY the parent, build it CONCURRENTLY on each leaf, and attach them."
            }
            Wanted::Key { .. } => {
                "Add the key to ONLY the parent, give each leaf one of its own from an index built CONCURRENTLY, and attach these."
            }
        };
        refused(self.rule, why, table, help)
    }
}

/// Whether the definition names neither collations nor operator classes; order and NULLS do not matter to the server here.
fn is_plain(index: &Index) -> bool {
    let Some((_, after)) = index.definition.split_once(" USING ") else {
        return false;
    };
    let Some((_, keys)) = after.split_once('(') else {
        return false;
    };
    let keys = keys.split([')', ',']).take(index.keys.len());
    keys.zip(&index.keys).all(|(text, key)| {
        let quoted = sql!("{}", Ident(key));
        let text = text.trim();
        let order = text
            .strip_prefix(key.as_str())
            .or_else(|| text.strip_prefix(quoted.as_str()));
        order.is_some_and(|order| ["", "DESC", "NULLS FIRST", "DESC NULLS LAST"].contains(&order.trim()))
    })
}

#[cfg(test)]
mod tests;
