//! `nonstop.explain-compare/1`. What `save` writes is `nonstop.explain/1`, the saved plans themselves.

use nonstop_core::explain::{Comparison, IndexFate, Measured, Node, Saved, Verdict};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    before: Moment<'a>,
    after: Moment<'a>,
    queries: Vec<Query<'a>>,
    indexes: Vec<IndexUse<'a>>,
}

#[derive(Serialize)]
struct Moment<'a> {
    at: &'a str,
    server_version: &'a str,
}

#[derive(Serialize)]
struct Query<'a> {
    name: &'a str,
    verdict: &'static str,
    before: Option<Side<'a>>,
    after: Option<Side<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    plan: Vec<String>,
    execution_ms: Option<f64>,
    rows: Option<u64>,
    blocks: Option<u64>,
    blocks_read: Option<u64>,
    cost: Option<f64>,
    not_run: Option<&'a str>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct IndexUse<'a> {
    schema: &'a str,
    table: &'a str,
    index: &'a str,
    state: &'static str,
    scans: u64,
    bytes: u64,
    valid: bool,
}

/// Writes what has changed.
pub fn compared((before, after): (&Saved, &Saved), found: &Comparison<'_>, out: &mut dyn Write) -> io::Result<()> {
    let queries = found.queries.iter().map(|pair| Query {
        name: pair.name(),
        verdict: match pair.verdict {
            Verdict::Same => "same",
            Verdict::New => "new",
            Verdict::Gone => "gone",
            Verdict::Changed => "changed",
            Verdict::Worse => "worse",
            Verdict::Failed => "failed",
        },
        before: pair.before.map(side),
        after: pair.after.map(side),
    });
    let indexes = found.indexes.iter().map(|one| IndexUse {
        schema: &one.index.schema,
        table: &one.index.table,
        index: &one.index.index,
        state: match one.fate {
            IndexFate::Kept => "kept",
            IndexFate::New => "new",
            IndexFate::Gone => "gone",
        },
        scans: one.scans,
        bytes: one.index.bytes,
        valid: one.index.valid,
    });
    let document = Document {
        schema: "nonstop.explain-compare/1",
        before: moment(before),
        after: moment(after),
        queries: queries.collect(),
        indexes: indexes.collect(),
    };
    super::document(&document, out)
}

fn moment(saved: &Saved) -> Moment<'_> {
    Moment {
        at: &saved.at,
        server_version: &saved.server_version,
    }
}

fn side(measured: &Measured) -> Side<'_> {
    Side {
        plan: measured.nodes().iter().map(Node::to_string).collect(),
        execution_ms: measured.execution_ms(),
        rows: measured.rows(),
        blocks: measured.blocks(),
        blocks_read: measured.blocks_read(),
        cost: measured.cost(),
        not_run: measured.not_run.as_deref(),
        error: measured.error.as_deref(),
    }
}
