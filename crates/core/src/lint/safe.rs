//! The safe form of a statement: what `deploy` runs instead.

use super::Place;
use crate::planner;
use crate::quote::SqlText;
use crate::rewrite::{self, Body, Piece, Scene};
use crate::rule::Context;

impl Place<'_> {
    /// The statements that `deploy` runs instead, where it takes the statement apart, or runs it in another way that
    /// keeps nobody out.
    pub(super) fn safe_form(&self, context: &Context<'_>) -> Option<Vec<SqlText>> {
        let ordinal = context.statement.ordinal;
        let glued = self
            .copies
            .iter()
            .any(|(copy, drop)| (*copy..=*drop).contains(&ordinal));
        let scene = Scene {
            catalog: context.catalog,
            settings: &self.settings,
            as_written: false,
        };
        if glued || self.is_its_own_master || planner::directed_as_written(self.script, ordinal) {
            return None;
        }
        let pieces = rewrite::rewrite(context.statement, context.effect, &scene).ok()?;
        // Batches cannot be written as statements: without them the others would not be the whole.
        if pieces.iter().any(|piece| matches!(piece.body, Body::Batches(_))) {
            return Some(Vec::new());
        }
        let statements = pieces.into_iter().filter_map(Piece::into_change);
        Some(statements.filter(|sql| *sql != context.statement.sql).collect())
    }
}
