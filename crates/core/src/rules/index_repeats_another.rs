//! The rule `index-repeats-another`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// An index that another one serves already.
    ///
    /// # What it catches
    /// `CREATE INDEX` whose columns are the first columns of an index that is there, with the same method and without a
    /// WHERE.
    ///
    /// # Why it hurts
    /// Every write keeps up both, and queries need one.
    ///
    /// # The safe way
    /// Leave it out.
    ///
    /// # When it is fine
    /// The other one is much wider, and the queries are many.
    ///
    /// ```sql bad
    /// CREATE TABLE kind (id bigint PRIMARY KEY, name text);
    /// CREATE INDEX a ON kind (name, id);
    /// CREATE INDEX b ON kind (name);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id bigint PRIMARY KEY, name text);
    /// CREATE INDEX a ON kind (name, id);
    /// CREATE INDEX b ON kind (id, name);
    /// ```
    code: "index-repeats-another",
    severity: Severity::Warning,
    category: Category::Style,
    opt_in: true,
    help: "Leave it out.",
    url: "https://www.postgresql.org/docs/current/indexes-multicolumn.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::CreateIndex(new) = &context.statement.kind else {
        return Vec::new();
    };
    let plain = !new.unique && new.predicate.is_none() && new.expressions.is_none() && new.include.is_empty();
    let table = context.catalog.resolve(&new.table).filter(|_| plain);
    let relation = table.as_ref().and_then(|table| context.catalog.relation(table));
    let mut known = relation.into_iter().flat_map(|table| &table.indexes);
    let other = known.find(|other| {
        let serves = other.valid && other.predicate.is_none() && other.expressions.is_none();
        serves && other.method == new.method && other.keys.starts_with(&new.keys)
    });
    let found = other.map(|other| Found::said(format!("The index {} serves the same queries.", other.name)));
    found.into_iter().collect()
}
