//! `nonstop.status/1`.

use crate::formats::human::status::ways_out;
use nonstop_engine::event::Holder;
use nonstop_engine::gates::{Leftover, LeftoverKind};
use nonstop_engine::history::Diagnosis;
use nonstop_engine::manage::Status;
use nonstop_engine::unfinished::Unfinished;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    server_version: String,
    table: String,
    managed: bool,
    up_to_date: bool,
    #[serde(flatten)]
    history: &'a Diagnosis,
    foreign_tables: &'a [String],
    holders: &'a [Holder],
    unfinished: Option<&'a Unfinished>,
    leftovers: Vec<LeftoverOf<'a>>,
    next: Vec<String>,
}

#[derive(Serialize)]
struct LeftoverOf<'a> {
    kind: LeftoverKind,
    table: String,
    name: &'a str,
}

/// Writes the status.
pub fn render(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: "nonstop.status/1",
        server_version: status.server_version.to_string(),
        table: status.table.to_string(),
        managed: status.managed,
        up_to_date: status.is_up_to_date(),
        history: &status.history,
        foreign_tables: &status.foreign_tables,
        holders: &status.holders,
        unfinished: status.unfinished.as_ref(),
        leftovers: status.leftovers.iter().map(leftover).collect(),
        next: ways_out(status).into_iter().map(|way| way.command).collect(),
    };
    super::document(&document, out)
}

fn leftover(one: &Leftover) -> LeftoverOf<'_> {
    LeftoverOf {
        kind: one.kind,
        table: one.table.to_string(),
        name: &one.name,
    }
}
