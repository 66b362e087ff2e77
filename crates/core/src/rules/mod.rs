//! The rules: one file each, two lines here.

pub(crate) mod add_column_rewrites_table;
pub(crate) mod add_column_with_constraint;
pub(crate) mod add_required_column_breaks_inserts;
pub(crate) mod allow_has_expired;
pub(crate) mod allow_is_not_needed;
pub(crate) mod baseline_entry_is_stale;
pub(crate) mod builds_index_under_lock;
pub(crate) mod changes_many_rows;
pub(crate) mod changes_rows_under_lock;
pub(crate) mod check_scans_table;
pub(crate) mod concurrently_in_transaction;
pub(crate) mod copy_then_drop_loses_writes;
pub(crate) mod create_index_blocks_writes;
pub(crate) mod detach_partition_hides_rows;
pub(crate) mod directive_is_wrong;
pub(crate) mod drop_column_breaks_code;
pub(crate) mod drop_index_blocks_reads;
pub(crate) mod drop_schema_loses_data;
pub(crate) mod drop_table_breaks_code;
pub(crate) mod drop_type_drops_columns;
pub(crate) mod drop_view_breaks_code;
pub(crate) mod effect_is_unknown;
pub(crate) mod enum_value_used_in_its_transaction;
pub(crate) mod exclude_builds_index;
pub(crate) mod foreign_key_scans_table;
pub(crate) mod missing_file;
pub(crate) mod primary_key_builds_index;
pub(crate) mod refresh_blocks_reads;
pub(crate) mod rename_column_breaks_code;
pub(crate) mod rename_table_breaks_code;
pub(crate) mod rewrites_table;
pub(crate) mod scans_table_under_lock;
pub(crate) mod set_not_null_scans_table;
pub(crate) mod set_schema_breaks_code;
pub(crate) mod statement_fails;
pub(crate) mod truncate_loses_rows;
pub(crate) mod type_change_breaks_plans;
pub(crate) mod type_change_rebuilds_index;
pub(crate) mod type_change_rewrites_table;
pub(crate) mod unique_builds_index;
pub(crate) mod validate_in_same_transaction;

use crate::effect;
use crate::finding::{Category, Severity};
use crate::replay;
use crate::rule::{Block, Context, Found, Rule, Surroundings};

/// Every rule, those that are most often met first.
pub static ALL: &[&Rule] = &[
    &create_index_blocks_writes::RULE,
    &drop_index_blocks_reads::RULE,
    &foreign_key_scans_table::RULE,
    &check_scans_table::RULE,
    &set_not_null_scans_table::RULE,
    &unique_builds_index::RULE,
    &primary_key_builds_index::RULE,
    &exclude_builds_index::RULE,
    &type_change_rewrites_table::RULE,
    &type_change_rebuilds_index::RULE,
    &add_column_rewrites_table::RULE,
    &add_column_with_constraint::RULE,
    &refresh_blocks_reads::RULE,
    &rewrites_table::RULE,
    &builds_index_under_lock::RULE,
    &scans_table_under_lock::RULE,
    &changes_many_rows::RULE,
    &validate_in_same_transaction::RULE,
    &changes_rows_under_lock::RULE,
    &concurrently_in_transaction::RULE,
    &enum_value_used_in_its_transaction::RULE,
    &statement_fails::RULE,
    &effect_is_unknown::RULE,
    &copy_then_drop_loses_writes::RULE,
    &drop_table_breaks_code::RULE,
    &drop_column_breaks_code::RULE,
    &truncate_loses_rows::RULE,
    &drop_schema_loses_data::RULE,
    &drop_type_drops_columns::RULE,
    &drop_view_breaks_code::RULE,
    &add_required_column_breaks_inserts::RULE,
    &rename_table_breaks_code::RULE,
    &rename_column_breaks_code::RULE,
    &set_schema_breaks_code::RULE,
    &detach_partition_hides_rows::RULE,
    &type_change_breaks_plans::RULE,
    &directive_is_wrong::RULE,
    &allow_has_expired::RULE,
    &allow_is_not_needed::RULE,
    &missing_file::RULE,
    &baseline_entry_is_stale::RULE,
];

/// The rule of that name.
pub fn find(code: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.code == code)
}

/// What all rules find in a statement; the general ones explain only what no other has explained.
pub(crate) fn findings(context: &Context<'_>) -> Vec<(&'static Rule, Found)> {
    let mut found = inside(context);
    let whole = judged_besides(context, &found);
    found.extend(whole);
    found
}

fn judged(context: &Context<'_>) -> Vec<(&'static Rule, Found)> {
    judged_besides(context, &[])
}

/// What all rules find in a statement, but for what is known of the statements inside it.
fn judged_besides(context: &Context<'_>, inside: &[(&'static Rule, Found)]) -> Vec<(&'static Rule, Found)> {
    let mut found = run(context, false);
    let explained = |block: &Block| {
        let all = found.iter().chain(inside);
        all.flat_map(|(_, found)| &found.blocks).any(|b| b.is_same(block))
    };
    let rest: Vec<Block> = context
        .blocks
        .iter()
        .filter(|block| !explained(block))
        .cloned()
        .collect();
    if !rest.is_empty() {
        let rest = Context {
            blocks: rest,
            around: context.around.clone(),
            ..*context
        };
        found.extend(run(&rest, true));
    }
    found.retain(|(rule, own)| {
        !inside
            .iter()
            .any(|(known, other)| known == rule && other.message == own.message)
    });
    found
}

fn run(context: &Context<'_>, general: bool) -> Vec<(&'static Rule, Found)> {
    let rules = ALL.iter().copied().filter(|rule| rule.general == general);
    rules
        .flat_map(|rule| (rule.check)(context).into_iter().map(move |found| (rule, found)))
        .collect()
}

/// Blocks and called functions are judged by the statements in them, as if they were written there.
fn inside(context: &Context<'_>) -> Vec<(&'static Rule, Found)> {
    let Some(bodies) = replay::inside(context.catalog, context.statement) else {
        return Vec::new();
    };
    let mut catalog = context.catalog.clone();
    let mut held = context.around.held.to_vec();
    let mut all: Vec<(&'static Rule, Found)> = Vec::new();
    for inner in &bodies.statements {
        let effect = effect::of_inner(inner, &catalog);
        let around = Surroundings {
            held: &held,
            session: context.around.session.clone(),
            ..Surroundings::default()
        };
        let place = Context::within(&inner.statement, &effect, &catalog, context.small_rows, around);
        let span = inner.statement.span;
        for (rule, mut found) in judged(&place) {
            let is_known = all
                .iter()
                .any(|(known, other)| *known == rule && other.message == found.message);
            if !is_known {
                found.inside = (span.end > span.start).then_some(span);
                all.push((rule, found));
            }
        }
        held.extend(effect.locks.iter().cloned());
        replay::apply_inner(&mut catalog, inner);
    }
    all
}

/// The rule that explains why a statement blocks and works: refusals of the planner carry the same name.
pub(crate) fn of_block(context: &Context<'_>) -> Option<&'static Rule> {
    let found = findings(context);
    let mut rules = found.into_iter().filter(|(_, found)| !found.blocks.is_empty());
    let is_blocking = |rule: &Rule| rule.category == Category::Blocking && rule.severity == Severity::Error;
    rules.find(|(rule, _)| is_blocking(rule)).map(|(rule, _)| rule)
}

#[cfg(test)]
mod tests;
