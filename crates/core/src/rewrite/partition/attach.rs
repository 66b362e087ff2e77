//! `ATTACH PARTITION`: what the server would do under its lock is done before, while reads and writes go on.
//!
//! CHECKs prove the bounds, on the new partition and on the default one; indexes are built CONCURRENTLY and foreign keys
//! validated, with the names that the server would give; then ATTACH finds all of it there and reads nothing.

use super::super::alter_table::action_alone;
use super::super::footprint::{Footprint, of_rows};
use super::super::{Piece, Refusal, Scene, as_written, check, constraint, hazard, shared_locks};
use super::{Tree, Wanted, bound};
use crate::catalog::{Catalog, Constraint, ConstraintKind, Expression, Index};
use crate::effect::{self, Effect, lies_inside, lies_outside};
use crate::lock::LockMode::{AccessExclusive, ShareRowExclusive};
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::rules;
use crate::source::{SourceFile, Span};
use crate::sql;
use crate::sql::{ActionKind, ConstraintDef, ConstraintKindDef, CreateIndex, CreateTable, Kind, NameRef, Statement};
use crate::step::{Undo, UndoStep};
use std::collections::BTreeSet;

/// What is gathered around an attachment. All of it keeps its order.
struct Gather<'a> {
    statement: usize,
    scene: &'a Scene<'a>,
    /// The catalog as it becomes.
    catalog: Catalog,
    pieces: Vec<Piece>,
    after: Vec<Piece>,
}

/// `ALTER TABLE parent ATTACH PARTITION child …` where something of it would work under its lock.
pub(in crate::rewrite) fn attach(
    statement: usize,
    parent: &Name,
    child: &NameRef,
    bound: &str,
    hurts: Refusal,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let Some(child) = scene.catalog.resolve(child) else {
        return Err(hurts);
    };
    let mut gather = Gather::new(statement, scene);
    if scene.any_large(&child) && !lies_inside(scene.catalog, parent, &child, bound) {
        let Some(rows) = bound::inside(scene.catalog, parent, bound) else {
            return Err(unproved(hurts));
        };
        if rows.as_str() != "true" {
            gather.prove(&child, &rows);
        }
    }
    gather.indexes(parent, &child)?;
    gather.foreign_keys(parent, &child)?;
    // Last, because from then on rows that have no place yet find none in the default partition either.
    gather.clear_default(parent, bound, &hurts)?;
    let action = ActionKind::AttachPartition {
        child: named(&child),
        bound: bound.to_owned(),
    };
    let locks = shared_locks(&effect::effect(&action_alone(parent, &action), &gather.catalog));
    let back = UndoStep {
        sql: sql!("ALTER TABLE {} DETACH PARTITION {}", parent, child),
        transaction: true,
        locks: locks
            .iter()
            .map(|own| super::lock(&own.relation, AccessExclusive))
            .collect(),
    };
    gather.pieces.push(constraint::instant(
        statement,
        sql!(
            "ALTER TABLE {} ATTACH PARTITION {} {}",
            parent,
            child,
            SqlText::verbatim(bound)
        ),
        locks,
        Undo::Steps(vec![back]),
        Footprint::everything(),
        "all is proved and built: nothing is read",
    ));
    Ok(gather.done())
}

/// `CREATE TABLE … PARTITION OF` beside a large default partition; `None` where nothing has to be proved.
pub(in crate::rewrite) fn beside_default(
    statement: &Statement,
    create: &CreateTable,
    effect: &Effect,
    scene: &Scene<'_>,
) -> Option<Vec<Piece>> {
    let (bound, parent) = (create.bound.as_ref()?, create.parents.first()?);
    let parent = scene.catalog.resolve(parent)?;
    let hurts = hazard(statement, effect, scene)?;
    let mut gather = Gather::new(statement.ordinal, scene);
    gather.clear_default(&parent, bound, &hurts).ok()?;
    if gather.pieces.is_empty() {
        return None;
    }
    let mut piece = as_written(statement, effect, scene);
    if let super::super::Body::Instant(instant) = &mut piece.body {
        instant.slow = false;
        instant.unbounded = false;
        instant.work = crate::step::Work::None;
    }
    piece.footprint = Footprint::everything();
    gather.pieces.push(piece);
    Some(gather.done())
}

fn unproved(hurts: Refusal) -> Refusal {
    Refusal {
        message: format!(
            "{}. nonstop cannot write this bound as a CHECK that proves it",
            hurts.message
        ),
        ..hurts
    }
}

impl<'a> Gather<'a> {
    fn new(statement: usize, scene: &'a Scene<'a>) -> Self {
        Self {
            statement,
            scene,
            catalog: scene.catalog.clone(),
            pieces: Vec::new(),
            after: Vec::new(),
        }
    }

    fn done(mut self) -> Vec<Piece> {
        self.pieces.append(&mut self.after);
        self.pieces
    }

    /// A CHECK, valid when the attachment comes, and dropped with it.
    fn prove(&mut self, table: &Name, condition: &SqlText) {
        let expression = Expression {
            sql: condition.as_str().to_owned(),
            ..Expression::default()
        };
        let name = self
            .catalog
            .choose_constraint_name(table, None, "nonstop_bound", &BTreeSet::new());
        let def = ConstraintDef {
            name: Some(name.clone()),
            kind: ConstraintKindDef::Check(expression.clone()),
            columns: Vec::new(),
            definition: sql!("CHECK ({})", condition),
            not_valid: false,
            enforced: true,
            deferrable: false,
            initially_deferred: false,
        };
        let locks = constraint::family(self.scene, table, AccessExclusive);
        let print = Footprint::default().columns(table, &[]);
        self.pieces.push(check::violators(
            self.statement,
            self.scene.catalog,
            table,
            &expression,
            check::Reach::All,
        ));
        self.pieces.push(constraint::not_valid(
            self.statement,
            table,
            &name,
            &def,
            locks.clone(),
            print.clone(),
        ));
        self.pieces
            .push(constraint::validate(self.statement, table, &name, print.clone(), None));
        replay::apply_action(&mut self.catalog, table, &ActionKind::AddConstraint(def));
        self.after.push(constraint::instant(
            self.statement,
            sql!("ALTER TABLE {} DROP CONSTRAINT {}", table, Ident(&name)),
            locks,
            Undo::Nothing,
            Footprint::everything(),
            "the proof is no longer needed",
        ));
    }

    /// The default partition must hold no row of the new one.
    fn clear_default(&mut self, parent: &Name, bound: &str, hurts: &Refusal) -> Result<(), Refusal> {
        let is_default = |child: &&Name| {
            let rel = self.scene.catalog.relation(child);
            rel.is_some_and(|rel| rel.bound.as_deref() == Some("DEFAULT"))
        };
        let Some(default) = self.scene.catalog.children(parent).find(is_default).cloned() else {
            return Ok(());
        };
        if !self.scene.any_large(&default) || lies_outside(self.scene.catalog, parent, &default, bound) {
            return Ok(());
        }
        match bound::outside(self.scene.catalog, parent, bound) {
            Some(rows) => self.prove(&default, &rows),
            None => return Err(unproved(hurts.clone())),
        }
        Ok(())
    }

    /// The parent's indexes and keys that the child has not yet.
    fn indexes(&mut self, parent: &Name, child: &Name) -> Result<(), Refusal> {
        if !self.scene.any_large(child) {
            return Ok(());
        }
        let wanted = self.scene.catalog.relation(parent).map_or(&[][..], |rel| &rel.indexes);
        for index in wanted {
            let rel = self.catalog.relation(child);
            let has = |own: &Index| {
                own.is_like(index)
                    && own.valid
                    && own.parent.is_none()
                    && own.constraint.is_some() == index.constraint.is_some()
            };
            if !rel.is_some_and(|rel| rel.indexes.iter().any(has)) {
                self.index(parent, index, child)?;
            }
        }
        Ok(())
    }

    fn index(&mut self, parent: &Name, index: &Index, child: &Name) -> Result<(), Refusal> {
        let refused = || {
            Refusal {
            rule: rules::attach_partition_builds_index::RULE.code,
            message: format!(
                "{child} has no index like {} of {parent}, and nonstop cannot build it before: as written it is built while all reads and writes on {child} wait",
                index.name
            ),
            help: "Build the index CONCURRENTLY on the table before it is attached. Or allow it in a quiet hour: `--allow blocking`.".to_owned(),
        }
        };
        let made = match &index.constraint {
            None => Made::Index(read_index(&index.definition).ok_or_else(refused)?),
            Some(name) => {
                let rel = self.scene.catalog.relation(parent);
                let own = rel.and_then(|rel| rel.constraint(name)).ok_or_else(refused)?;
                Made::Key(read_constraint(&own.definition).ok_or_else(refused)?)
            }
        };
        let before = self.catalog.clone();
        let here = Scene {
            catalog: &before,
            settings: self.scene.settings,
            as_written: false,
        };
        let (wanted, columns, key_sql) = match &made {
            Made::Index(index) => (Wanted::Index(index), index.keys.clone(), index.key_sql.clone()),
            Made::Key(def) => {
                let (ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key)) = &def.kind else {
                    return Err(refused());
                };
                let rest = key
                    .index_rest
                    .as_ref()
                    .filter(|_| !key.without_overlaps)
                    .ok_or_else(refused)?;
                let primary = matches!(def.kind, ConstraintKindDef::PrimaryKey(_));
                let keys = def.columns.iter().map(|column| sql!("{}", Ident(column))).collect();
                (
                    Wanted::Key {
                        def,
                        key,
                        rest,
                        primary,
                    },
                    def.columns.clone(),
                    keys,
                )
            }
        };
        let tree = Tree {
            statement: self.statement,
            scene: &here,
            wanted,
            footprint: Footprint::default().columns(child, &[]),
            rule: &rules::attach_partition_builds_index::RULE,
        };
        let rel = before.relation(child).ok_or_else(refused)?;
        if tree.fitting(child, rel)?.is_some() {
            return Ok(());
        }
        if index.unique {
            let expressions = index.expressions.iter().chain(&index.predicate);
            self.pieces.push(check::duplicates(
                self.statement,
                self.scene.catalog,
                child,
                &key_sql,
                index.predicate.as_ref(),
                index.nulls_not_distinct,
                of_rows(&before, child, &columns, expressions),
            ));
        }
        let name = child.sibling(tree.name_on(child));
        if here.is_partitioned(child) {
            self.pieces.push(tree.frame(child, &name));
            tree.grow(&mut self.pieces, child, &name)?;
        } else {
            tree.leaf(&mut self.pieces, child, &name);
        }
        made.apply(&mut self.catalog, child, &name);
        Ok(())
    }

    /// The parent's foreign keys, which the child gets under the same name.
    fn foreign_keys(&mut self, parent: &Name, child: &Name) -> Result<(), Refusal> {
        if !self.scene.any_large(child) {
            return Ok(());
        }
        let rel = self.scene.catalog.relation(parent);
        let keys = rel.into_iter().flat_map(|rel| &rel.constraints);
        for key in keys.filter(|key| matches!(key.kind, ConstraintKind::ForeignKey { .. }) && key.valid) {
            let ConstraintKind::ForeignKey { references, columns } = &key.kind else {
                continue;
            };
            let own = self.catalog.relation(child).map_or(&[][..], |rel| &rel.constraints);
            if own.iter().any(|own| own.is_same_key(key)) {
                continue;
            }
            let refused = |why: &str| {
                Refusal {
                rule: rules::foreign_key_scans_table::RULE.code,
                message: format!("{child} has not the foreign key {} of {parent}, and {why}", key.name),
                help: "Add and validate the key on the table before it is attached. Or allow it in a quiet hour: `--allow blocking`.".to_owned(),
            }
            };
            if self.scene.is_partitioned(child) && self.scene.catalog.version.major() < 18 {
                return Err(refused("a partitioned table cannot have it NOT VALID"));
            }
            if constraint::leaves_keys_open(self.scene, references) {
                return Err(refused(
                    "before PostgreSQL 18 VALIDATE leaves keys to partitions NOT VALID",
                ));
            }
            let taken = |own: &Constraint| own.name == key.name;
            let Some(def) = read_constraint(&key.definition).filter(|_| !own.iter().any(taken)) else {
                return Err(refused("nonstop cannot add it before"));
            };
            let locks = constraint::families(self.scene, (child, ShareRowExclusive), (references, ShareRowExclusive));
            let print = Footprint::default().columns(child, &[]).columns(references, &[]);
            if columns.len() == key.columns.len() && !key.definition.contains("MATCH FULL") {
                let look = check::orphans(
                    self.statement,
                    self.scene.catalog,
                    (child, &key.columns),
                    (references, columns),
                );
                self.pieces.push(look);
            }
            self.pieces.push(constraint::not_valid(
                self.statement,
                child,
                &key.name,
                &def,
                locks,
                print.clone(),
            ));
            self.pieces.push(constraint::validate(
                self.statement,
                child,
                &key.name,
                print,
                Some(references),
            ));
            let named = ConstraintDef {
                name: Some(key.name.clone()),
                ..def
            };
            replay::apply_action(&mut self.catalog, child, &ActionKind::AddConstraint(named));
        }
        Ok(())
    }
}

/// What the child gets before.
enum Made {
    Index(CreateIndex),
    Key(ConstraintDef),
}

impl Made {
    /// Its name is taken from now on, and the server finds it.
    fn apply(self, catalog: &mut Catalog, child: &Name, name: &Name) {
        match self {
            Made::Index(index) => {
                let own = CreateIndex {
                    name: Some(name.name.clone()),
                    table: named(child),
                    only: false,
                    ..index
                };
                let made = Statement {
                    kind: Kind::CreateIndex(own),
                    span: Span { start: 0, end: 0 },
                    sql: SqlText::verbatim(""),
                    ordinal: 0,
                    since: None,
                };
                replay::apply(catalog, &made);
            }
            Made::Key(def) => {
                let def = ConstraintDef {
                    name: Some(name.name.clone()),
                    ..def
                };
                replay::apply_action(catalog, child, &ActionKind::AddConstraint(def));
            }
        }
    }
}

fn named(name: &Name) -> NameRef {
    NameRef {
        schema: Some(name.schema.clone()),
        name: name.name.clone(),
    }
}

fn read_index(definition: &str) -> Option<CreateIndex> {
    let script = sql::parse(&SourceFile::new("", definition)).ok()?;
    match script.statements.into_iter().next()?.kind {
        Kind::CreateIndex(index) => Some(index),
        _ => None,
    }
}

/// A constraint from its definition in the catalog.
pub(in crate::rewrite) fn read_constraint(definition: &str) -> Option<ConstraintDef> {
    let text = format!("ALTER TABLE t ADD CONSTRAINT c {definition}");
    let script = sql::parse(&SourceFile::new("", text)).ok()?;
    let Kind::AlterTable(alter) = script.statements.into_iter().next()?.kind else {
        return None;
    };
    match alter.actions.into_iter().next()?.kind {
        ActionKind::AddConstraint(def) => Some(def),
        _ => None,
    }
}
