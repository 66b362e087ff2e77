//! Which piece goes into which file.
//!
//! The order of the migration stands. A piece goes into the first file in which everything that it does not commute with
//! stands before it, so that the migration itself keeps what it can.

use super::part::{Part, Place};
use super::{Role, words};
use crate::rewrite::{Body, Key, Piece};
use crate::sql::{self, ActionKind, ConstraintKindDef, Kind};

/// A piece by its statement and its place there.
pub(super) type At = (usize, usize);

/// The pieces of one file.
#[derive(Debug, Clone)]
pub(super) struct Sorted {
    pub(super) place: Place,
    pub(super) pieces: Vec<At>,
}

/// Files in their order; the first is the migration itself. What comes into a later file than the table that it is about is
/// about a table in use.
pub(super) fn into_files(parts: &mut [Part]) -> Vec<Sorted> {
    loop {
        let files = sorted(parts);
        let others = files.iter().skip(1).flat_map(|file| &file.pieces);
        let moved: Vec<usize> = others.map(|at| at.0).collect();
        let mut is_changed = false;
        for at in moved {
            is_changed |= parts[at].goes_later();
        }
        if !is_changed {
            return files;
        }
    }
}

fn sorted(parts: &[Part]) -> Vec<Sorted> {
    let mut files = vec![Sorted {
        place: Place::Together,
        pieces: Vec::new(),
    }];
    for (at, part) in parts.iter().enumerate() {
        for (piece_at, piece) in part.pieces.iter().enumerate() {
            put(&mut files, parts, (at, piece_at), part.place(piece));
        }
    }
    // Where nothing is left of the migration itself, the first file takes its place.
    let keeps_settings = parts.iter().any(|part| part.is_bound && !part.is_frame);
    if files[0].pieces.is_empty() && files.len() > 1 && !keeps_settings {
        files.remove(0);
    }
    files
}

fn put(files: &mut Vec<Sorted>, parts: &[Part], at: At, place: Place) {
    let after = (0..files.len())
        .rev()
        .find(|file| clashes(&files[*file], parts, at, place));
    match place {
        Place::Alone => files.push(Sorted {
            place,
            pieces: vec![at],
        }),
        Place::Validate => {
            let first = after.map_or(1, |file| file + 1);
            let own = (first..files.len()).find(|file| files[*file].place == place);
            match own {
                Some(file) => files[file].pieces.push(at),
                None => files.insert(
                    first,
                    Sorted {
                        place,
                        pieces: vec![at],
                    },
                ),
            }
        }
        Place::Together => {
            let first = after.map_or(0, |file| match files[file].place {
                Place::Together if !ends_file(&files[file], parts, at) => file,
                _ => file + 1,
            });
            let own = (first..files.len()).find(|file| files[*file].place == place);
            match own {
                Some(file) => files[file].pieces.push(at),
                None => files.push(Sorted {
                    place,
                    pieces: vec![at],
                }),
            }
        }
    }
}

fn piece_of(parts: &[Part], (part, piece): At) -> &Piece {
    &parts[part].pieces[piece]
}

/// A label of an enum must be committed before it is used.
fn ends_file(file: &Sorted, parts: &[Part], at: At) -> bool {
    let text = parts[at.0].statement.sql.as_str();
    let closes = |other: &At| match &piece_of(parts, *other).body {
        Body::Instant(instant) => instant.commit_after && uses_label(&parts[other.0].statement.kind, text),
        Body::Lone(_) | Body::Batches(_) | Body::Check { .. } => false,
    };
    file.pieces.iter().any(closes)
}

fn uses_label(kind: &Kind, text: &str) -> bool {
    matches!(kind, Kind::AddEnumValue { label, .. } if text.contains(&format!("'{}'", label.replace('\'', "''"))))
}

/// Whether the piece must not stand before or among what the file holds.
fn clashes(file: &Sorted, parts: &[Part], at: At, place: Place) -> bool {
    if file.place == Place::Together && place == Place::Together {
        // In one file the order of the statements stands anyway.
        return file.pieces.iter().any(|other| !commutes(parts, *other, at)) || ends_file(file, parts, at);
    }
    file.pieces
        .iter()
        .any(|other| other.0 == at.0 || !commutes(parts, *other, at))
}

fn commutes(parts: &[Part], one: At, other: At) -> bool {
    let (first, second) = (piece_of(parts, one), piece_of(parts, other));
    first.footprint.commutes(&second.footprint) || is_apart(parts, one, other) || is_apart(parts, other, one)
}

/// A statement whose footprint is not known, but which changes definitions only and does not name what the other makes or
/// proves: an index or a validated constraint.
fn is_apart(parts: &[Part], one: At, other: At) -> bool {
    let (lone, part) = (piece_of(parts, one), &parts[other.0]);
    let Body::Lone(_) = &lone.body else { return false };
    let writes: Vec<&Key> = lone.footprint.writes.iter().collect();
    let [Key::Object(made)] = writes.as_slice() else {
        return false;
    };
    let only_defines = matches!(
        part.statement.kind,
        Kind::Comment { .. }
            | Kind::Grant { .. }
            | Kind::CreateView { .. }
            | Kind::CreateFunction(_)
            | Kind::CreateTrigger { .. }
            | Kind::Policy { .. }
            | Kind::CreateSequence { .. }
            | Kind::CreateEnum { .. }
            | Kind::CreateDomain { .. }
            | Kind::CreateType { .. }
            | Kind::CreateSchema { .. }
            | Kind::NoRelation { .. }
    );
    let text = words::text(piece_of(parts, other)).map_or("", crate::quote::SqlText::as_str);
    only_defines && sql::identifiers(text).iter().all(|word| word.name != made.name)
}

/// What the name of a file is made of.
pub(super) fn role(parts: &[Part], file: &Sorted) -> Role {
    match file.place {
        Place::Together => Role::Together,
        Place::Validate => {
            let keys = |at: &At| is_key(&parts[at.0].statement.kind);
            let checks = |at: &At| is_check(&parts[at.0].statement.kind);
            Role::Validate(match () {
                () if file.pieces.iter().all(keys) => "fks",
                () if file.pieces.iter().all(checks) => "checks",
                () => "constraints",
            })
        }
        Place::Alone => {
            let object = file.pieces.first().map(|at| object(&parts[at.0], piece_of(parts, *at)));
            Role::Alone(object.unwrap_or_default())
        }
    }
}

fn adds(kind: &Kind, wanted: impl Fn(&ConstraintKindDef) -> bool) -> bool {
    matches!(kind, Kind::AlterTable(alter) if alter.actions.iter().any(|action|
        matches!(&action.kind, ActionKind::AddConstraint(def) if wanted(&def.kind))))
}

fn is_key(kind: &Kind) -> bool {
    adds(kind, |kind| matches!(kind, ConstraintKindDef::ForeignKey { .. }))
}

fn is_check(kind: &Kind) -> bool {
    adds(kind, |kind| matches!(kind, ConstraintKindDef::Check(_)))
}

fn object(part: &Part, piece: &Piece) -> String {
    use crate::step::Goal;
    match &piece.body {
        Body::Lone(lone) => match &lone.goal {
            Goal::IndexValid { index, .. } => index.name.clone(),
            Goal::IndexGone { index } => format!("drop_{}", index.name),
            Goal::ConstraintValid { constraint, .. } => constraint.clone(),
            _ => first_words(part.statement.sql.as_str()),
        },
        Body::Instant(_) | Body::Batches(_) | Body::Check { .. } => String::new(),
    }
}

fn first_words(text: &str) -> String {
    let words = sql::words(text).into_iter().map(|word| word.name);
    words.take(4).collect::<Vec<_>>().join("_")
}
