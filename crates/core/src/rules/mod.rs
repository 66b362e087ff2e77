//! The rules: one file each, two lines here.

pub(crate) mod add_column_rewrites_table;
pub(crate) mod add_column_with_constraint;
pub(crate) mod add_required_column_breaks_inserts;
pub(crate) mod allow_has_expired;
pub(crate) mod allow_is_not_needed;
pub(crate) mod attach_partition_builds_index;
pub(crate) mod attach_partition_scans_table;
pub(crate) mod autovacuum_is_off;
pub(crate) mod baseline_entry_is_stale;
pub(crate) mod builds_index_under_lock;
pub(crate) mod cascade_drops_more;
pub(crate) mod changes_many_rows;
pub(crate) mod changes_rows_under_lock;
pub(crate) mod check_scans_table;
pub(crate) mod commit_splits_migration;
pub(crate) mod composite_type_change_breaks_code;
pub(crate) mod concurrently_if_not_exists;
pub(crate) mod concurrently_in_transaction;
pub(crate) mod concurrently_under_timeout;
pub(crate) mod concurrently_without_name;
pub(crate) mod copy_then_drop_loses_writes;
pub(crate) mod create_index_blocks_writes;
pub(crate) mod deferrable_unique_breaks_upserts;
pub(crate) mod delete_scans_children;
pub(crate) mod detach_partition_hides_rows;
pub(crate) mod directive_is_wrong;
pub(crate) mod disable_all_triggers_skips_keys;
pub(crate) mod domain_column_rewrites_table;
pub(crate) mod domain_constraint_scans_tables;
pub(crate) mod drop_column_breaks_code;
pub(crate) mod drop_column_drops_indexes;
pub(crate) mod drop_database_loses_data;
pub(crate) mod drop_index_before_replacement;
pub(crate) mod drop_index_blocks_reads;
pub(crate) mod drop_owned_loses_data;
pub(crate) mod drop_schema_loses_data;
pub(crate) mod drop_table_breaks_code;
pub(crate) mod drop_type_drops_columns;
pub(crate) mod drop_unique_breaks_upserts;
pub(crate) mod drop_view_breaks_code;
pub(crate) mod effect_is_unknown;
pub(crate) mod enum_value_is_new_to_code;
pub(crate) mod enum_value_used_in_its_transaction;
pub(crate) mod event_trigger_guards_all_ddl;
pub(crate) mod exclude_builds_index;
pub(crate) mod foreign_key_scans_table;
pub(crate) mod foreign_key_type_differs;
pub(crate) mod foreign_key_without_index;
pub(crate) mod free_type_change_breaks_plans;
pub(crate) mod function_still_uses_it;
pub(crate) mod identifier_too_long;
pub(crate) mod identity_starts_at_one;
pub(crate) mod index_repeats_another;
pub(crate) mod integer_key_near_its_end;
pub(crate) mod lock_table_stops_traffic;
pub(crate) mod locks_many_tables;
pub(crate) mod locks_unnamed_table;
pub(crate) mod missing_file;
pub(crate) mod needs_lock_timeout;
pub(crate) mod not_enforced_guards_nothing;
pub(crate) mod partition_change_locks_parent;
pub(crate) mod prefer_bigint;
pub(crate) mod prefer_identity;
pub(crate) mod prefer_jsonb;
pub(crate) mod prefer_text;
pub(crate) mod prefer_timestamptz;
pub(crate) mod primary_key_builds_index;
pub(crate) mod publication_change_loses_rows;
pub(crate) mod reads_rows_under_lock;
pub(crate) mod recreated_view_loses_grants;
pub(crate) mod refresh_blocks_reads;
pub(crate) mod rename_column_breaks_code;
pub(crate) mod rename_enum_value_breaks_code;
pub(crate) mod rename_schema_breaks_code;
pub(crate) mod rename_table_breaks_code;
pub(crate) mod replica_identity_nothing_breaks_updates;
pub(crate) mod revoke_breaks_code;
pub(crate) mod rewrites_table;
pub(crate) mod row_security_hides_rows;
pub(crate) mod scans_table_under_lock;
pub(crate) mod sequence_restart_repeats_keys;
pub(crate) mod sequence_stays_integer;
pub(crate) mod set_local_does_nothing;
pub(crate) mod set_not_null_breaks_writes;
pub(crate) mod set_not_null_scans_table;
pub(crate) mod set_schema_breaks_code;
pub(crate) mod setting_outlives_migration;
pub(crate) mod statement_fails;
pub(crate) mod table_swap_leaves_followers;
pub(crate) mod transaction_is_left_open;
pub(crate) mod truncate_loses_rows;
pub(crate) mod type_change_breaks_plans;
pub(crate) mod type_change_rebuilds_index;
pub(crate) mod type_change_rewrites_table;
pub(crate) mod unique_builds_index;
pub(crate) mod unlogged_table_loses_rows;
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
    &locks_unnamed_table::RULE,
    &partition_change_locks_parent::RULE,
    &attach_partition_scans_table::RULE,
    &attach_partition_builds_index::RULE,
    &domain_constraint_scans_tables::RULE,
    &domain_column_rewrites_table::RULE,
    &reads_rows_under_lock::RULE,
    &lock_table_stops_traffic::RULE,
    &rewrites_table::RULE,
    &builds_index_under_lock::RULE,
    &scans_table_under_lock::RULE,
    &changes_many_rows::RULE,
    &validate_in_same_transaction::RULE,
    &changes_rows_under_lock::RULE,
    &concurrently_in_transaction::RULE,
    &concurrently_under_timeout::RULE,
    &concurrently_if_not_exists::RULE,
    &concurrently_without_name::RULE,
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
    &cascade_drops_more::RULE,
    &drop_column_drops_indexes::RULE,
    &function_still_uses_it::RULE,
    &set_not_null_breaks_writes::RULE,
    &drop_unique_breaks_upserts::RULE,
    &identity_starts_at_one::RULE,
    &sequence_stays_integer::RULE,
    &integer_key_near_its_end::RULE,
    &table_swap_leaves_followers::RULE,
    &foreign_key_without_index::RULE,
    &foreign_key_type_differs::RULE,
    &identifier_too_long::RULE,
    &rename_schema_breaks_code::RULE,
    &rename_enum_value_breaks_code::RULE,
    &composite_type_change_breaks_code::RULE,
    &recreated_view_loses_grants::RULE,
    &disable_all_triggers_skips_keys::RULE,
    &row_security_hides_rows::RULE,
    &sequence_restart_repeats_keys::RULE,
    &autovacuum_is_off::RULE,
    &unlogged_table_loses_rows::RULE,
    &delete_scans_children::RULE,
    &free_type_change_breaks_plans::RULE,
    &needs_lock_timeout::RULE,
    &locks_many_tables::RULE,
    &enum_value_is_new_to_code::RULE,
    &set_local_does_nothing::RULE,
    &transaction_is_left_open::RULE,
    &commit_splits_migration::RULE,
    &drop_database_loses_data::RULE,
    &drop_owned_loses_data::RULE,
    &revoke_breaks_code::RULE,
    &setting_outlives_migration::RULE,
    &event_trigger_guards_all_ddl::RULE,
    &not_enforced_guards_nothing::RULE,
    &publication_change_loses_rows::RULE,
    &replica_identity_nothing_breaks_updates::RULE,
    &drop_index_before_replacement::RULE,
    &deferrable_unique_breaks_upserts::RULE,
    &prefer_bigint::RULE,
    &prefer_identity::RULE,
    &prefer_text::RULE,
    &prefer_timestamptz::RULE,
    &prefer_jsonb::RULE,
    &index_repeats_another::RULE,
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
