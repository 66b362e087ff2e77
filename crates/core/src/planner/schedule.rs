//! The order of pieces.
//!
//! The file's order stands, with three exceptions, each only past pieces that it commutes with: looking comes first; what
//! cannot be taken back comes last; and VALIDATE and DROP INDEX wait until the instant statements around them are done,
//! so that those share one transaction.

use crate::catalog::Catalog;
use crate::rewrite::{Body, Key, Piece};
use crate::step::{StepKind, Undo};

pub(super) fn order(pieces: Vec<Piece>, initial: &Catalog) -> Vec<Piece> {
    let (checks, mut pieces) = checks_first(pieces, initial);
    let alone = |piece: &Piece| matches!(piece.body, Body::Lone(_) | Body::Batches(_));
    if pieces.iter().any(alone) {
        sink(&mut pieces, is_final, |_| true);
        sink(&mut pieces, waits, |next| !is_final(next));
    }
    checks.into_iter().chain(pieces).collect()
}

/// A check whose columns all stand before the migration, and are not touched before it, goes to the front. Another
/// cannot look before anything is changed: the step itself will say.
fn checks_first(pieces: Vec<Piece>, initial: &Catalog) -> (Vec<Piece>, Vec<Piece>) {
    let mut checks = Vec::new();
    let mut others: Vec<Piece> = Vec::new();
    for piece in pieces {
        if !matches!(piece.body, Body::Check { .. }) {
            others.push(piece);
        } else if stands(&piece, initial) && others.iter().all(|other| other.footprint.commutes(&piece.footprint)) {
            checks.push(piece);
        }
    }
    (checks, others)
}

fn stands(piece: &Piece, initial: &Catalog) -> bool {
    piece.footprint.reads.iter().all(|key| match key {
        Key::Relation(name) => initial.relation(name).is_some(),
        Key::Column(table, column) => initial.relation(table).is_some_and(|rel| rel.column(column).is_some()),
        Key::Object(_) | Key::Rows(_) => true,
    })
}

/// It cannot be taken back.
fn is_final(piece: &Piece) -> bool {
    match &piece.body {
        Body::Instant(instant) => matches!(instant.undo, Undo::Impossible(_)),
        Body::Lone(lone) => matches!(lone.undo, Undo::Impossible(_)),
        Body::Batches(batches) => matches!(batches.undo, Undo::Impossible(_)),
        Body::Check { .. } => false,
    }
}

fn waits(piece: &Piece) -> bool {
    match &piece.body {
        Body::Lone(lone) => lone.kind == StepKind::Validate || matches!(lone.goal, crate::step::Goal::IndexGone { .. }),
        _ => false,
    }
}

/// Moves each piece that sinks as far down as it commutes and `passes` allows.
fn sink(pieces: &mut Vec<Piece>, sinks: impl Fn(&Piece) -> bool, passes: impl Fn(&Piece) -> bool) {
    for from in (0..pieces.len()).rev() {
        if !sinks(&pieces[from]) {
            continue;
        }
        let mut to = from;
        while to + 1 < pieces.len() {
            let next = &pieces[to + 1];
            let together = sinks(next);
            if together || !passes(next) || !next.footprint.commutes(&pieces[from].footprint) {
                break;
            }
            to += 1;
        }
        // Moving past nothing that runs alone would gain nothing.
        if to > from {
            let piece = pieces.remove(from);
            pieces.insert(to, piece);
        }
    }
}
