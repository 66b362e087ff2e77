//! `nonstop.test-rollback/1`.

use crate::commands::test_rollback::Tried;
use nonstop_engine::compare;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    server_version: &'a str,
    migrations: &'a [String],
    derived: &'a [String],
    lost: &'a [String],
    same: bool,
    after_down: Vec<Difference<'a>>,
    after_up: Vec<Difference<'a>>,
}

#[derive(Serialize)]
struct Difference<'a> {
    object: &'a str,
    fact: &'a str,
    left: &'a Value,
    right: &'a Value,
}

/// Writes it.
pub fn render(tried: &Tried, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: "nonstop.test-rollback/1",
        server_version: &tried.server_version,
        migrations: &tried.names,
        derived: &tried.derived,
        lost: &tried.lost,
        same: tried.trip.after_down.is_empty() && tried.trip.after_up.is_empty(),
        after_down: tried.trip.after_down.iter().map(difference).collect(),
        after_up: tried.trip.after_up.iter().map(difference).collect(),
    };
    super::document(&document, out)
}

fn difference(one: &compare::Difference) -> Difference<'_> {
    Difference {
        object: &one.object,
        fact: &one.fact,
        left: &one.left,
        right: &one.right,
    }
}
