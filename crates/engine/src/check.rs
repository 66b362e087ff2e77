//! Looks for rows that would make a later step fail, before anything is changed.

use crate::event::Failure;
use crate::worker::{Place, StepError, Tries, Worker};
use nonstop_core::quote::SqlText;
use nonstop_core::sql;
use nonstop_core::step::{LockTimeout, Violation};
use std::time::Duration;

/// How many offending rows are shown.
const SHOWN: usize = 10;

/// Runs the query in a read-only transaction of its own; a row is a failure.
pub(crate) async fn run(
    worker: &mut Worker<'_>,
    place: &Place,
    query: &SqlText,
    violation: Option<&Violation>,
) -> Result<(), StepError> {
    // Through a cursor, so that a million offending rows are not sent; planned for all rows, because none is expected.
    let message = sql!(
        "BEGIN READ ONLY; SET LOCAL cursor_tuple_fraction = 1; DECLARE nonstop_check NO SCROLL CURSOR FOR {}\n; \
         FETCH 11 FROM nonstop_check; COMMIT",
        query
    );
    let mut tries = Tries::new();
    loop {
        let bound = LockTimeout(Duration::ZERO);
        let broken = match worker.watched_rows(&message, place, bound, true, SHOWN + 1).await {
            Ok(rows) if rows.is_empty() => return Ok(()),
            Ok(rows) => return Err(StepError::Failed(Box::new(found(query, violation, rows)))),
            Err(broken) => broken,
        };
        match tries.again(worker, place, &broken).await {
            Ok(()) => {}
            Err(StepError::Failed(_)) => return Err(tries.failed(Some(query), &broken)),
            Err(other) => return Err(other),
        }
    }
}

fn found(query: &SqlText, violation: Option<&Violation>, mut rows: Vec<String>) -> Failure {
    let more = rows.len() > SHOWN;
    rows.truncate(SHOWN);
    let all = violation.map_or(query, |violation| &violation.find_all);
    Failure {
        rule: None,
        statement: None,
        sqlstate: violation.map(|violation| violation.sqlstate.clone()),
        message: match violation {
            Some(violation) => violation.message.clone(),
            None => "a check found rows that must not be there".to_owned(),
        },
        detail: more.then(|| format!("the first {SHOWN} of more rows are shown")),
        hint: Some(format!("find all of them with: {all}")),
        rows,
    }
}
