//! The order of pieces.
//!
//! The file's order stands, with four exceptions, each only past pieces that it commutes with: looking comes first; what
//! prepares comes before instant statements; what cannot be taken back comes last; and VALIDATE and DROP INDEX wait until the instant statements around them are done,
//! so that those share one transaction.

use crate::catalog::Catalog;
use crate::rewrite::{Body, Key, Piece};
use crate::step::{StepKind, Undo};

pub(super) fn order(pieces: Vec<Piece>, initial: &Catalog) -> Vec<Piece> {
    let (checks, mut pieces) = checks_first(pieces, initial);
    let alone = |piece: &Piece| matches!(piece.body, Body::Lone(_) | Body::Batches(_));
    if pieces.iter().any(alone) {
        rise(&mut pieces);
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
        Key::Object(_) | Key::Rows(_) | Key::Default(..) => true,
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

/// Something that is taken away above a piece that lasts, and given back below it: the statement that takes, and the one that
/// lasts. `pairs` are statements of which the second gives back what the first takes; defaults are seen by themselves.
pub(super) fn away(pieces: &[Piece], pairs: &[(usize, usize)]) -> Option<(usize, usize)> {
    let defaults = |piece: &Piece| -> Vec<Key> {
        let keys = piece
            .footprint
            .writes
            .iter()
            .filter(|key| matches!(key, Key::Default(..)));
        keys.cloned().collect()
    };
    let gives_back = |gone: &Piece, back: &Piece| {
        let both = defaults(back);
        pairs.contains(&(gone.statement, back.statement)) || defaults(gone).iter().any(|key| both.contains(key))
    };
    pieces
        .iter()
        .enumerate()
        .filter(|(_, piece)| piece.footprint.early)
        .find_map(|(at, long)| {
            let others = |range: &'_ [Piece]| -> Vec<Piece> {
                range.iter().filter(|own| !own.footprint.early).cloned().collect()
            };
            let below = others(&pieces[at..]);
            let above = others(&pieces[..at]);
            let gone = above
                .iter()
                .find(|gone| below.iter().any(|back| gives_back(gone, back)))?;
            Some((gone.statement, long.statement))
        })
}

/// What prepares goes above instant statements that it commutes with: a view that is dropped and made again, a default that
/// goes and comes, are away only for the moment of their own transaction.
fn rise(pieces: &mut Vec<Piece>) {
    for from in 0..pieces.len() {
        let mut to = from;
        while pieces[from].footprint.early && to > 0 {
            let above = &pieces[to - 1];
            let passes = matches!(above.body, Body::Instant(_)) && !above.footprint.early;
            if !passes || !above.footprint.commutes(&pieces[from].footprint) {
                break;
            }
            to -= 1;
        }
        let piece = pieces.remove(from);
        pieces.insert(to, piece);
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
