//! From what a user wrote to a step that can run: parsed, judged, and typed by the server before anything is done.

use super::{BackfillError, HISTORY, Order, Work};
use crate::introspect::introspect;
use crate::journal;
use crate::message;
use crate::session::Session;
use crate::target::Target;
use crate::worker::DeployError;
use nonstop_core::batch::Batch;
use nonstop_core::catalog::Catalog;
use nonstop_core::planner;
use nonstop_core::quote::{Name, SqlText};
use nonstop_core::sql::{self as grammar, NameRef};
use nonstop_core::step::Step;
use nonstop_core::{settings, sql};

/// A step that may run.
pub(super) struct Draft {
    step: Step,
    batch: Batch,
    /// What the user should know of it.
    pub(super) cautions: Vec<String>,
}

impl Draft {
    pub(super) async fn of(session: &Session, target: &Target, order: &Order) -> Result<Self, BackfillError> {
        let (table, change, condition) = match &order.work {
            Work::Begun(id) => return Self::begun(session, id).await,
            Work::Change {
                table,
                change,
                condition,
            } => (table, change, condition.as_deref()),
        };
        let search_path = vec![target.schema.clone()];
        let small = settings::PlanSettings::default().small_rows;
        let catalog = introspect(session.client(), &search_path, small).await;
        let catalog = catalog.map_err(DeployError::from)?;
        let table = find(&catalog, table)?;
        let statement = grammar::change(&table, change, condition)?;
        typed(session, &statement.sql).await?;
        let step = planner::backfill(&statement, &catalog);
        let (step, cautions) = step.map_err(|reason| BackfillError::Refused { reason })?;
        Self::from_step(step, cautions).ok_or(BackfillError::Refused {
            reason: "nonstop cannot take it apart".to_owned(),
        })
    }

    /// What was begun goes on as it was planned.
    async fn begun(session: &Session, id: &str) -> Result<Self, BackfillError> {
        let unknown = || BackfillError::Unknown { id: id.to_owned() };
        let client = session.client();
        if !journal::exists(client).await.map_err(DeployError::from)? {
            return Err(unknown());
        }
        let query = "SELECT history FROM nonstop.migration WHERE id = $1";
        let row = client.query_opt(query, &[&id]).await.map_err(DeployError::from)?;
        let history: String = row.map(|row| row.get(0)).unwrap_or_default();
        let flight = journal::unfinished_by_id(client, id).await.map_err(DeployError::from)?;
        let flight = flight.filter(|_| history.starts_with(HISTORY));
        let step = flight.and_then(|flight| flight.steps.into_iter().next());
        step.and_then(|step| Self::from_step(step, Vec::new()))
            .ok_or_else(unknown)
    }

    fn from_step(step: Step, cautions: Vec<String>) -> Option<Self> {
        let batch = step.batch.clone()?;
        Some(Self { step, batch, cautions })
    }

    pub(super) fn into_step(self) -> Step {
        self.step
    }

    pub(super) fn batch(&self) -> &Batch {
        &self.batch
    }

    pub(super) fn table(&self) -> &Name {
        &self.batch.table
    }

    /// The statement that it stands for.
    pub(super) fn statement(&self) -> &str {
        self.step.sql.first().map_or("", SqlText::as_str)
    }
}

/// A name as in SQL; else, since many tables have capitals in their names, exactly as it is written.
fn find(catalog: &Catalog, text: &str) -> Result<Name, BackfillError> {
    let as_in_sql = grammar::table_name(text);
    let found = as_in_sql.and_then(|name| catalog.resolve(&name));
    let found = found.or_else(|| catalog.resolve(&NameRef::dotted(text)));
    found.ok_or_else(|| BackfillError::NoTable { table: text.to_owned() })
}

/// The server reads the statement and its types; nothing is run.
async fn typed(session: &Session, statement: &SqlText) -> Result<(), BackfillError> {
    let text = sql!(
        "BEGIN READ ONLY; SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '10s'; EXPLAIN {}; COMMIT",
        statement
    );
    let answer = message::run(session.client(), &text).await;
    answer.map_err(|error| BackfillError::Typing {
        failure: Box::new(error.failure(Some(message::shorten(statement.as_str())))),
    })
}
