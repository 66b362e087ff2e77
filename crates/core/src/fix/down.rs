//! The way back of each file.

use super::part::{Part, Place};
use super::sort::Sorted;
use crate::migration::TransactionModel;
use crate::rewrite::{self, Piece, Scene};

pub use crate::rewrite::Made;

/// A down script, in parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Down {
    /// Its text; empty where there is nothing to take back.
    pub text: String,
    /// What does not come back, for people.
    pub lost: Vec<String>,
    /// Of these, what is missing in the schema itself: it must be written by hand.
    pub missing: Vec<String>,
}

/// The way back of a piece; the text is statements, each with its semicolon and line end.
pub(super) fn of(part: &Part, piece: &Piece, scene: &Scene<'_>, made: &Made) -> Down {
    let mut down = Down::default();
    let goes = part.is_on_new_table && rewrite::goes_with_its_table(&part.statement.kind, scene.catalog);
    if goes && part.place(piece) == Place::Together {
        return down;
    }
    let way = rewrite::way_back(&part.statement, part.is_kept, piece, scene, made);
    let said = |lost: &String| format!("{}: {lost}", first_line(part.statement.sql.as_str()));
    for lost in &way.lost {
        down.text.push_str(&format_lost(lost));
        down.lost.push(said(lost));
    }
    down.missing.extend(way.missing.iter().map(said));
    for sql in &way.statements {
        down.text.push_str(&part.unqualified(sql.as_str()));
        down.text.push_str(";\n");
    }
    down
}

fn format_lost(lost: &str) -> String {
    let lines: Vec<String> = lost.lines().map(|line| format!("-- {line}\n")).collect();
    format!("-- Does not come back:\n{}", lines.concat())
}

fn first_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((at, _)) => format!("{} …", &line[..at]),
        None => line,
    }
}

/// Newest first.
pub(super) fn of_file(parts: &[Part], own: &Sorted, model: TransactionModel, newline: &str) -> Down {
    let mut down = Down::default();
    for (part, piece) in own.pieces.iter().rev() {
        let Some(one) = parts[*part].downs.get(*piece) else {
            continue;
        };
        down.text.push_str(&one.text);
        add_new(&mut down.lost, &one.lost);
        add_new(&mut down.missing, &one.missing);
    }
    if down.text.is_empty() {
        let why = match own.place {
            Place::Validate => "-- Nothing to take back: what was found valid stays so.\n",
            Place::Together | Place::Alone => "-- Nothing to take back.\n",
        };
        why.clone_into(&mut down.text);
    }
    let statements = down.text.lines().filter(|line| line.ends_with(';')).count();
    if statements > 1 && down.text.contains(" CONCURRENTLY ") {
        if model == TransactionModel::Whole {
            // Its tool puts a transaction around this script too.
            down.text = down.text.replace(" INDEX CONCURRENTLY ", " INDEX ");
        } else {
            down.text.insert_str(
                0,
                "-- Each statement by itself: CONCURRENTLY cannot run in a transaction.\n",
            );
        }
    }
    down.lost.reverse();
    down.missing.reverse();
    down.text = down.text.replace('\n', newline);
    down
}

fn add_new(all: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
}
