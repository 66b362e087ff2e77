//! The rule `locks-unnamed-table`.

use crate::catalog::RelationKind;
use crate::effect::EffectLock;
use crate::finding::Severity;
use crate::quote::Name;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::{self, ActionKind, Kind, ObjectKind};
use std::collections::BTreeSet;

rule! {
    /// A statement stops reads of a table that it does not name.
    ///
    /// # What it catches
    /// `DROP TABLE`, `DROP CONSTRAINT`, `DROP COLUMN`, `ALTER COLUMN … TYPE` and others that take ACCESS EXCLUSIVE on a
    /// table at the other end of a foreign key, or on a default partition.
    ///
    /// # Why it hurts
    /// The lock is held for a moment only, but while it waits for a running query of that table, everybody behind it
    /// waits. The table is often the one that everything reads, and nobody looks for it in this statement.
    ///
    /// # The safe way
    /// With a short `lock_timeout`, and again; a table in steps: its foreign keys first, one at a time. `nonstop
    /// deploy` takes such locks without making anybody wait.
    ///
    /// # When it is fine
    /// The other table is small and quiet.
    ///
    /// ```sql bad also drop-table-breaks-code
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int REFERENCES "User" (id));
    /// CREATE INDEX "Session_userId_idx" ON "Session" ("userId");
    /// -- next migration
    /// DROP TABLE "Session";
    /// ```
    ///
    /// ```sql bad
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int REFERENCES "User" (id));
    /// CREATE INDEX "Session_userId_idx" ON "Session" ("userId");
    /// -- next migration
    /// ALTER TABLE "Session" DROP CONSTRAINT "Session_userId_fkey";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// -- next migration
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int REFERENCES "User" (id));
    /// CREATE INDEX "Session_userId_idx" ON "Session" ("userId");
    /// ```
    code: "locks-unnamed-table",
    severity: Severity::Warning,
    once: true,
    cure: Cure::Always,
    help: "Take it with a short lock_timeout, and again; `nonstop deploy` does without making anybody wait.",
    url: "https://www.postgresql.org/docs/current/explicit-locking.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let by_another_name = match &context.statement.kind {
        // The table of an index, and what stands inside a string.
        Kind::Drop(drop) => drop.object == ObjectKind::Index,
        Kind::Do { .. } => true,
        _ => false,
    };
    // What CASCADE locks, it drops: that is another rule's.
    if by_another_name || cascades(context) {
        return Vec::new();
    }
    let locks = context.effect.locks.iter();
    let stops = locks.filter(|lock| lock.mode.blocks_reads() && context.waits_for(lock));
    let stops: Vec<&EffectLock> = stops.filter(|lock| is_table(context, &lock.relation)).collect();
    if stops.len() < 2
        && context
            .altered()
            .is_some_and(|own| stops.iter().all(|lock| lock.relation == own))
    {
        return Vec::new();
    }
    let text = context.statement.sql.as_str();
    // Most statements quote the names of all that they lock, and need not be taken apart.
    if stops
        .iter()
        .all(|lock| text.contains(&format!("\"{}\"", lock.relation.name)))
    {
        return Vec::new();
    }
    let words = sql::identifiers(text).into_iter();
    let names: BTreeSet<String> = words.map(|word| word.name).collect();
    let unnamed: Vec<&EffectLock> = stops
        .into_iter()
        .filter(|lock| !names.contains(&lock.relation.name) && !is_below(context, lock, &names))
        .collect();
    let Some(first) = unnamed.first() else {
        return Vec::new();
    };
    let (mode, relation) = (first.mode, &first.relation);
    let more = match unnamed.len() {
        1 => String::new(),
        more => format!(" The same goes for {} more.", more - 1),
    };
    vec![Found {
        message: format!(
            "It takes {mode} on {relation} too, which it does not name: while it waits for a running query there, all {} on \
             {relation} wait behind it.{more}",
            mode.blocks_in_words()
        ),
        locks: unnamed.into_iter().cloned().collect(),
        ..Found::default()
    }]
}

fn cascades(context: &Context<'_>) -> bool {
    match &context.statement.kind {
        Kind::Drop(drop) => drop.cascade,
        Kind::Truncate { cascade, .. } => *cascade,
        _ => context.actions().any(|action| match action {
            ActionKind::DropColumn { cascade, .. } | ActionKind::DropConstraint { cascade, .. } => *cascade,
            _ => false,
        }),
    }
}

fn is_table(context: &Context<'_>, name: &Name) -> bool {
    let kind = context.catalog.relation(name).map(|relation| relation.kind);
    matches!(kind, Some(RelationKind::Table | RelationKind::PartitionedTable))
}

/// A part of a table that is named, and locked as much.
fn is_below(context: &Context<'_>, lock: &EffectLock, names: &BTreeSet<String>) -> bool {
    let mut locks = context.effect.locks.iter();
    locks.any(|above| {
        names.contains(&above.relation.name)
            && above.mode >= lock.mode
            && context.catalog.descendants(&above.relation).contains(&lock.relation)
    })
}
