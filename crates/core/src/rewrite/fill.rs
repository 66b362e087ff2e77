//! `ADD COLUMN` whose value differs from row to row: an empty column with its default, which batches give to the old rows.
//!
//! A serial gets its sequence before; an identity column is filled from a sequence that goes when the identity comes.

use super::constraint::{family, instant};
use super::footprint::{self, Footprint, Key as Print};
use super::{Batches, Body, Piece, Scene, dml, lock, not_null};
use crate::batch::{Batch, Key, key_of};
use crate::catalog::{Catalog, Generated};
use crate::lock::LockMode::{AccessExclusive, RowExclusive};
use crate::quote::{Ident, Literal, Name, SqlText};
use crate::replay;
use crate::sql;
use crate::sql::{ActionKind, ColumnDef, ColumnParts};
use crate::step::{Undo, UndoStep};
use crate::version::ServerVersion;

/// Page by page, as the server itself would write the rows anew: so numbers come in the same order. A row that moves is not
/// met twice, because it is not empty any more.
fn key(table: &Name, scene: &Scene<'_>) -> Option<Key> {
    match key_of(scene.catalog, table)? {
        key if scene.is_partitioned(table) => Some(key),
        key if scene.catalog.version < ServerVersion::of_major(14) => (key != Key::Pages).then_some(key),
        _ => Some(Key::Pages),
    }
}

/// What the old rows get, and what has to be there before.
struct Source<'a> {
    parts: &'a ColumnParts,
    /// The default.
    value: SqlText,
    /// A sequence that is made for it; of an identity column it goes again.
    sequence: Option<Name>,
}

/// The pieces of such a column without its inline constraints; `None` where it has no safe form.
pub(super) fn column(
    statement: usize,
    table: &Name,
    column: &ColumnDef,
    parts: &ColumnParts,
    scene: &Scene<'_>,
) -> Option<Vec<Piece>> {
    let source = source(table, column, parts, scene)?;
    let key = key(table, scene)?;
    let hollow = ActionKind::AddColumn {
        column: ColumnDef {
            inline: Vec::new(),
            default: None,
            not_null: false,
            generated: Generated::No,
            type_ref: crate::sql::TypeRef {
                serial: false,
                ..column.type_ref.clone()
            },
            ..column.clone()
        },
        if_not_exists: false,
    };
    let print = footprint::of_action(scene.catalog, table, &hollow);
    let mut pieces = made(statement, table, column, &source, &print, scene);
    let change = sql!("UPDATE {} SET {} = DEFAULT", table, Ident(&column.name));
    let condition = sql!("{} IS NULL", Ident(&column.name));
    let rows = Print::Rows(table.clone());
    let print_of_rows = print.clone().read(rows.clone()).write(rows);
    pieces.push(filled(
        statement,
        table,
        (change, condition),
        key,
        print_of_rows,
        scene.catalog,
    ));
    let mut catalog = scene.catalog.clone();
    replay::apply_action(&mut catalog, table, &hollow);
    let here = Scene {
        catalog: &catalog,
        settings: scene.settings,
        as_written: false,
    };
    if column.not_null {
        pieces.extend(not_null::set(statement, table, &column.name, &here));
    }
    if column.generated == Generated::Identity {
        pieces.extend(identified(statement, table, column, &source, &print, &here));
    }
    Some(pieces)
}

fn source<'a>(table: &Name, column: &ColumnDef, parts: &'a ColumnParts, scene: &Scene<'_>) -> Option<Source<'a>> {
    let next = |sequence: &Name| {
        let name = sql!("{}", sequence);
        sql!("pg_catalog.nextval({}::pg_catalog.regclass)", Literal(name.as_str()))
    };
    // A domain with a CHECK is looked at for each row, whatever the value.
    if column
        .type_ref
        .user
        .as_ref()
        .is_some_and(|name| is_checked(name, scene))
    {
        return None;
    }
    match column.generated {
        Generated::No if column.type_ref.serial => {
            let sequence = replay::sequence_of(&mut scene.catalog.clone(), table, &column.name);
            Some(Source {
                parts,
                value: next(&sequence),
                sequence: Some(sequence),
            })
        }
        Generated::No => {
            let default = column.default.as_ref().filter(|default| !default.sql.is_empty())?;
            Some(Source {
                parts,
                value: SqlText::verbatim(&default.sql),
                sequence: None,
            })
        }
        Generated::Identity => {
            parts.identity.as_ref()?;
            let sequence = helper(table, &column.name, scene);
            Some(Source {
                parts,
                value: next(&sequence),
                sequence: Some(sequence),
            })
        }
        // No ALTER makes a column generated without writing all rows.
        Generated::Stored | Generated::Virtual => None,
    }
}

/// A name that nothing has.
fn helper(table: &Name, column: &str, scene: &Scene<'_>) -> Name {
    let names = (0_u32..).map(|number| match number {
        0 => "nonstop".to_owned(),
        number => format!("nonstop{number}"),
    });
    let mut names =
        names.map(|label| table.sibling(replay::names::make_object_name(&table.name, Some(column), &label)));
    let is_free = |name: &Name| scene.catalog.relation(name).is_none() && scene.catalog.index(name).is_none();
    names.find(is_free).unwrap_or_else(|| table.clone())
}

fn is_checked(name: &crate::sql::NameRef, scene: &Scene<'_>) -> bool {
    let found = scene
        .catalog
        .resolve_type(name)
        .and_then(|name| scene.catalog.types.get(&name));
    matches!(found, Some(crate::catalog::TypeDef::Domain { constrained: true, .. }))
}

/// The empty column, with what new rows get.
fn made(
    statement: usize,
    table: &Name,
    column: &ColumnDef,
    source: &Source<'_>,
    print: &Footprint,
    scene: &Scene<'_>,
) -> Vec<Piece> {
    let locks = family(scene, table, AccessExclusive);
    let piece = |sql, undo, note| instant(statement, sql, locks.clone(), undo, print.clone(), note);
    let mut pieces = Vec::new();
    if let Some(sequence) = &source.sequence {
        let undo = Undo::Steps(vec![UndoStep {
            sql: sql!("DROP SEQUENCE IF EXISTS {}", sequence),
            transaction: true,
            locks: Vec::new(),
        }]);
        let create = sql!(
            "CREATE SEQUENCE {} AS {}{}",
            sequence,
            SqlText::verbatim(&column.type_ref.display),
            options(source.parts)
        );
        pieces.push(piece(create, undo, "numbers for the column"));
    }
    let back = Undo::Steps(vec![UndoStep {
        sql: sql!("ALTER TABLE {} DROP COLUMN IF EXISTS {}", table, Ident(&column.name)),
        transaction: true,
        locks: locks.clone(),
    }]);
    let add = sql!(
        "ALTER TABLE {} ADD COLUMN {}, ALTER COLUMN {} SET DEFAULT {}",
        table,
        source.parts.hollow,
        Ident(&column.name),
        source.value
    );
    pieces.push(piece(add, back, "empty in old rows; new rows get their value"));
    if let Some(sequence) = &source.sequence {
        // A sequence and its table have one owner.
        let owner = scene.catalog.relation(table).and_then(|rel| rel.owner.as_ref());
        if let Some(owner) = owner {
            let to = sql!("ALTER SEQUENCE {} OWNER TO {}", sequence, Ident(owner));
            pieces.push(piece(to, Undo::Nothing, ""));
        }
        let own = sql!("ALTER SEQUENCE {} OWNED BY {}.{}", sequence, table, Ident(&column.name));
        pieces.push(piece(own, Undo::Nothing, ""));
    }
    pieces
}

/// Options of an identity's sequence, with a blank before.
fn options(parts: &ColumnParts) -> SqlText {
    let text = parts.identity.as_ref().map_or("", SqlText::as_str);
    let inside = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    SqlText::verbatim(inside.map(|options| format!(" {}", options.trim())).unwrap_or_default())
}

/// The old rows get their value: `change` of all rows for which `condition` is true.
pub(super) fn filled(
    statement: usize,
    table: &Name,
    (change, condition): (SqlText, SqlText),
    key: Key,
    print: Footprint,
    catalog: &Catalog,
) -> Piece {
    let triggers = dml::fired(catalog, table);
    let mut note = format!("old rows get their value, in batches over {key}");
    if !triggers.is_empty() {
        note = format!(
            "{note}; triggers of the table do not see it where this role may set session_replication_role: {}",
            triggers.join(", ")
        );
    }
    Piece {
        body: Body::Batches(Batches {
            sql: sql!("{} WHERE {}", change, condition),
            batch: Batch {
                table: table.clone(),
                alias: table.name.clone(),
                repeats: key == Key::Pages,
                key,
                change,
                // The column is new: no index of it could lead to the rows in another order.
                locking: None,
                condition: Some(condition),
                settings: SqlText::verbatim(""),
                size: None,
                silent: true,
            },
            locks: vec![lock(table, RowExclusive)],
            undo: Undo::Nothing,
        }),
        statement,
        footprint: print,
        note,
        part: false,
    }
}

/// The column becomes an identity, whose own sequence goes on where the other one stands.
fn identified(
    statement: usize,
    table: &Name,
    column: &ColumnDef,
    source: &Source<'_>,
    print: &Footprint,
    scene: &Scene<'_>,
) -> Vec<Piece> {
    let (Some(identity), Some(sequence)) = (&source.parts.identity, &source.sequence) else {
        return Vec::new();
    };
    let name = Ident(&column.name);
    let quoted = sql!("{}", table);
    let texts = [
        sql!("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT", table, name),
        sql!("ALTER TABLE {} ALTER COLUMN {} ADD {}", table, name, identity),
        // Of two sequences of the column, pg_get_serial_sequence names the older.
        sql!("ALTER SEQUENCE {} OWNED BY NONE", sequence),
        sql!(
            "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({}, {})::pg_catalog.regclass, last_value, is_called) \
             FROM {}",
            Literal(quoted.as_str()),
            Literal(&column.name),
            sequence
        ),
        sql!("DROP SEQUENCE {}", sequence),
    ];
    let locks = family(scene, table, AccessExclusive);
    let piece = |sql| {
        instant(
            statement,
            sql,
            locks.clone(),
            Undo::Nothing,
            print.clone(),
            "the identity goes on with the numbers",
        )
    };
    texts.into_iter().map(piece).collect()
}
