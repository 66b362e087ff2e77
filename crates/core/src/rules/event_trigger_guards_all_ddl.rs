//! The rule `event-trigger-guards-all-ddl`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// A function runs at every change of the schema.
    ///
    /// # What it catches
    /// `CREATE EVENT TRIGGER`.
    ///
    /// # Why it hurts
    /// When its function fails, every statement fails that changes the schema, of every migration, until somebody drops
    /// the trigger; from 17 on one on `login` locks everybody out.
    ///
    /// # The safe way
    /// A function that cannot fail, tried on a copy; `ALTER EVENT TRIGGER … DISABLE` at hand.
    ///
    /// # When it is fine
    /// It is meant, and tried.
    ///
    /// ```sql bad
    /// CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
    /// CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();
    /// ```
    ///
    /// ```sql safe
    /// CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
    /// ```
    code: "event-trigger-guards-all-ddl",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Try the function on a copy first.",
    url: "https://www.postgresql.org/docs/current/event-trigger-definition.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.statement.kind {
        Kind::NoRelation { .. } if context.words().starts_with("CREATE EVENT TRIGGER") => {
            vec![Found::said(
                "When its function fails, no schema can be changed any more.",
            )]
        }
        _ => Vec::new(),
    }
}
