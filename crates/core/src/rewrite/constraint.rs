//! `ADD CONSTRAINT`: NOT VALID then VALIDATE, or a concurrent index that the constraint takes over.

use super::footprint::{Footprint, Key, of_constraint};
use super::{Body, Instant, Lone, Piece, Refusal, Scene, check, index, lock, not_null, partition, undo};
use crate::lock::LockMode::{AccessExclusive, RowShare, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::rules;
use crate::sql;
use crate::sql::{ConstraintDef, ConstraintKindDef};
use crate::step::{Goal, RelationLock, StepKind, Undo, UndoStep, Work};

/// Of a key that points at a partitioned table the server keeps one to each partition too. Before 18, VALIDATE passes over
/// those: `SELECT conname, convalidated FROM pg_constraint WHERE conparentid <> 0` shows them.
pub(super) fn leaves_keys_open(scene: &Scene<'_>, parent: &Name) -> bool {
    scene.is_partitioned(parent) && scene.catalog.version.major() < 18
}

/// Adds a constraint to a large table. `fresh` columns were added by the same migration without a default: they hold
/// only NULLs, and nothing needs to be looked for. `replaces` is a constraint of the same name that is dropped in the
/// same transaction.
pub(super) fn add(
    statement: usize,
    table: &Name,
    def: &ConstraintDef,
    fresh: bool,
    replaces: Option<&SqlText>,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let name = replay::constraint_name(scene.catalog, table, def);
    let print = of_constraint(Footprint::default(), scene.catalog, table, def);
    match &def.kind {
        ConstraintKindDef::ForeignKey {
            references,
            columns,
            match_full,
            period,
        } => {
            let parent = scene.catalog.resolve_or_target(references);
            let keys = if columns.is_empty() {
                replay::primary_key(scene.catalog, &parent)
            } else {
                columns.clone()
            };
            if leaves_keys_open(scene, &parent) {
                return Err(Refusal {
                    rule: rules::foreign_key_scans_table::RULE.code,
                    message: format!(
                        "{parent} is partitioned, and before PostgreSQL 18 VALIDATE leaves the keys to its partitions NOT VALID: as written every row of {table} is read while writes wait"
                    ),
                    help: "Allow it in a quiet hour: `--allow blocking`.".to_owned(),
                });
            }
            let locks = families(scene, (table, ShareRowExclusive), (&parent, ShareRowExclusive));
            let looks =
                !fresh && !match_full && !period && keys.len() == def.columns.len() && is_shared(scene, &parent);
            let look = looks.then(|| check::orphans(statement, scene.catalog, (table, &def.columns), (&parent, &keys)));
            if scene.is_partitioned(table) && scene.catalog.version.major() < 18 {
                return partition::foreign_key(statement, table, &name, def, &parent, look, scene);
            }
            let mut pieces: Vec<Piece> = look.into_iter().collect();
            pieces.push(not_valid(statement, table, &name, def, locks, print.clone()));
            pieces.push(validate(statement, table, &name, print, Some(&parent)));
            Ok(pieces)
        }
        ConstraintKindDef::Check(_) | ConstraintKindDef::NotNull => {
            let reach = if def.definition.as_str().ends_with("NO INHERIT") {
                check::Reach::Own
            } else {
                check::Reach::All
            };
            let look = match &def.kind {
                ConstraintKindDef::Check(expression) => {
                    check::violators(statement, scene.catalog, table, expression, reach)
                }
                _ => check::nulls(statement, table, &def.columns),
            };
            let locks = family(scene, table, AccessExclusive);
            let mut pieces = if fresh { Vec::new() } else { vec![look] };
            pieces.push(not_valid(statement, table, &name, def, locks, print.clone()));
            pieces.push(validate(statement, table, &name, print, None));
            Ok(pieces)
        }
        ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key) => {
            let primary = matches!(def.kind, ConstraintKindDef::PrimaryKey(_));
            match &key.index_rest {
                Some(rest) if scene.is_partitioned(table) && replaces.is_none() && !key.without_overlaps => {
                    partition::key(statement, table, &name, def, (key, rest, primary), scene)
                }
                Some(_) if key.without_overlaps || scene.is_partitioned(table) => Err(Refusal {
                    rule: if primary {
                        rules::primary_key_builds_index::RULE.code
                    } else {
                        rules::unique_builds_index::RULE.code
                    },
                    message: format!(
                        "a key like this of {table} cannot be made from an index built before: as written it is built while reads and writes wait"
                    ),
                    help: "Allow it in a quiet hour: `--allow blocking`.".to_owned(),
                }),
                Some(rest) => Ok(by_index(
                    statement, table, &name, def, rest, primary, fresh, replaces, scene,
                )),
                // USING INDEX: only a nullable primary key still reads the table.
                None => Ok(proved_key(statement, table, &name, def, scene)),
            }
        }
        ConstraintKindDef::Exclude(_) => Err(Refusal {
            rule: rules::exclude_builds_index::RULE.code,
            message: format!(
                "an EXCLUDE constraint cannot be added NOT VALID or from an index: it is built while reads and writes on {table} wait"
            ),
            help: "Guard the rule with a trigger. Or allow it in a quiet hour: `--allow blocking`.".to_owned(),
        }),
    }
}

fn is_shared(scene: &Scene<'_>, name: &Name) -> bool {
    scene
        .catalog
        .relation(name)
        .is_some_and(crate::catalog::Relation::is_shared)
}

/// Locks on a table and on one that it refers to, each with everything below it.
pub(super) fn families(
    scene: &Scene<'_>,
    (table, mode): (&Name, crate::lock::LockMode),
    (parent, of_parent): (&Name, crate::lock::LockMode),
) -> Vec<RelationLock> {
    let mut locks = family(scene, table, mode);
    for relation in family(scene, parent, of_parent) {
        super::merge_lock(&mut locks, relation);
    }
    locks
}

/// Locks on a table and everything below it, as far as others can see them.
pub(super) fn family(scene: &Scene<'_>, table: &Name, mode: crate::lock::LockMode) -> Vec<RelationLock> {
    let all = std::iter::once(table.clone()).chain(scene.catalog.descendants(table));
    all.filter(|name| is_shared(scene, name))
        .map(|name| lock(&name, mode))
        .collect()
}

pub(super) fn instant(
    statement: usize,
    sql: SqlText,
    locks: Vec<RelationLock>,
    undo: Undo,
    footprint: Footprint,
    note: &str,
) -> Piece {
    Piece {
        body: Body::Instant(Instant {
            sql,
            locks,
            undo,
            slow: false,
            unbounded: false,
            open_ended: false,
            work: Work::None,
            commit_after: false,
        }),
        statement,
        footprint,
        note: note.to_owned(),
        part: false,
    }
}

pub(super) fn drop_constraint(table: &Name, name: &str, locks: Vec<RelationLock>) -> Undo {
    let locks = locks.into_iter().map(|l| lock(&l.relation, AccessExclusive)).collect();
    Undo::Steps(vec![UndoStep {
        sql: sql!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", table, Ident(name)),
        transaction: true,
        locks,
    }])
}

pub(super) fn not_valid(
    statement: usize,
    table: &Name,
    name: &str,
    def: &ConstraintDef,
    locks: Vec<RelationLock>,
    footprint: Footprint,
) -> Piece {
    let sql = sql!(
        "ALTER TABLE {} ADD CONSTRAINT {} {} NOT VALID",
        table,
        Ident(name),
        def.definition
    );
    let undo = drop_constraint(table, name, locks.clone());
    instant(
        statement,
        sql,
        locks,
        undo,
        footprint,
        "new rows are checked from now on",
    )
}

pub(super) fn validate(
    statement: usize,
    table: &Name,
    name: &str,
    footprint: Footprint,
    parent: Option<&Name>,
) -> Piece {
    let mut locks = vec![lock(table, ShareUpdateExclusive)];
    locks.extend(
        parent
            .filter(|parent| *parent != table)
            .map(|parent| lock(parent, RowShare)),
    );
    Piece {
        body: Body::Lone(Lone {
            kind: StepKind::Validate,
            sql: sql!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table, Ident(name)),
            locks,
            work: Work::Scan,
            goal: Goal::ConstraintValid {
                table: table.clone(),
                constraint: name.to_owned(),
            },
            undo: Undo::Nothing,
        }),
        statement,
        footprint,
        note: "reads and writes go on while old rows are checked".to_owned(),
        part: false,
    }
}

pub(super) fn timing(def: &ConstraintDef) -> SqlText {
    SqlText::verbatim(match (def.deferrable, def.initially_deferred) {
        (true, true) => " DEFERRABLE INITIALLY DEFERRED",
        (true, false) => " DEFERRABLE",
        (false, _) => "",
    })
}

pub(super) fn word(primary: bool) -> SqlText {
    SqlText::verbatim(if primary { "PRIMARY KEY" } else { "UNIQUE" })
}

#[expect(
    clippy::too_many_arguments,
    reason = "a key has that many particulars, and only one caller"
)]
fn by_index(
    statement: usize,
    table: &Name,
    name: &str,
    def: &ConstraintDef,
    rest: &SqlText,
    primary: bool,
    fresh: bool,
    replaces: Option<&SqlText>,
    scene: &Scene<'_>,
) -> Vec<Piece> {
    let (ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key)) = &def.kind else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    if !fresh {
        pieces.push(check::duplicates_of_key(
            statement,
            scene.catalog,
            table,
            &def.columns,
            key.nulls_not_distinct,
        ));
    }
    // The index gets the constraint's name at once, unless the constraint that it replaces still has it.
    let built = if replaces.is_some() {
        replay::names::make_object_name(name, None, "nonstop")
    } else {
        name.to_owned()
    };
    let index = table.sibling(&built);
    let print = of_constraint(Footprint::default(), scene.catalog, table, def).write(Key::Object(index.clone()));
    let mut proof = not_null::Proof::none();
    if primary {
        let nullable = not_null::unproved(scene, table, &def.columns);
        proof = not_null::prove(statement, table, &nullable, scene);
        pieces.append(&mut proof.before);
    }
    pieces.push(index::build(statement, true, table, &index, rest, print.clone()));
    let add = sql!(
        "ADD CONSTRAINT {} {} USING INDEX {}{}",
        Ident(name),
        word(primary),
        Ident(&built),
        timing(def)
    );
    let sql = match replaces {
        Some(drop) => sql!("ALTER TABLE {} {}, {}", table, drop, add),
        None => sql!("ALTER TABLE {} {}", table, add),
    };
    let locks = family(scene, table, AccessExclusive);
    let undo = match replaces {
        Some(_) => Undo::Impossible(format!("the constraint {name} that it replaced is gone")),
        None if primary => undo::drop_primary_key(table, name, &def.columns, scene),
        None => drop_constraint(table, name, locks.clone()),
    };
    pieces.push(instant(
        statement,
        sql,
        locks,
        undo,
        print,
        "takes over the index that was built",
    ));
    pieces.append(&mut proof.after);
    pieces
}

fn proved_key(statement: usize, table: &Name, name: &str, def: &ConstraintDef, scene: &Scene<'_>) -> Vec<Piece> {
    let columns = match &def.kind {
        ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key) => key.using_index.as_ref(),
        _ => None,
    };
    let columns = columns
        .and_then(|index| scene.catalog.index(&table.sibling(index)))
        .map(|(_, i)| i.keys.clone())
        .unwrap_or_default();
    let nullable = not_null::unproved(scene, table, &columns);
    let mut proof = not_null::prove(statement, table, &nullable, scene);
    let mut pieces = std::mem::take(&mut proof.before);
    let locks = family(scene, table, AccessExclusive);
    let sql = sql!(
        "ALTER TABLE {} ADD CONSTRAINT {} {}",
        table,
        Ident(name),
        def.definition
    );
    let undo = Undo::Impossible(format!("index {name} has become a constraint"));
    let print = of_constraint(Footprint::default(), scene.catalog, table, def);
    pieces.push(instant(
        statement,
        sql,
        locks,
        undo,
        print,
        "its columns are proved NOT NULL",
    ));
    pieces.append(&mut proof.after);
    pieces
}
