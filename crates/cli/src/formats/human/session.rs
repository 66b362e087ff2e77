//! A session of somebody else in a line: who it is, what it holds, since when.

use super::one_line;
use crate::duration::in_words;
use nonstop_engine::event::Holder;
use std::time::Duration;

/// A session in a line.
pub fn line(session: &Holder) -> String {
    let Holder {
        pid,
        user,
        application,
        state,
        age_ms,
        query,
        mode,
        relation,
    } = session;
    let who = match (pid, application.as_str()) {
        (0, _) => format!("a prepared transaction of {user}"),
        (pid, "") => format!("pid {pid} ({user})"),
        (pid, application) => format!("pid {pid} ({user}, {application})"),
    };
    let holds = match (mode, relation) {
        (Some(mode), Some(relation)) => format!(" holds {mode} on {relation}"),
        (Some(mode), None) => format!(" holds {mode}"),
        (None, _) => String::new(),
    };
    let query = match one_line(query, 80) {
        empty if empty.is_empty() => String::new(),
        query => format!(": {query}"),
    };
    format!(
        "{who}{holds}, {state} for {}{query}",
        in_words(Duration::from_millis(*age_ms))
    )
}
