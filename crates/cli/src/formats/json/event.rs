//! `nonstop.event/1`: one object a line.

use crate::formats::places::Places;
use nonstop_engine::event::Event;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    at: String,
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// Writes one event; `at` is when it happened. A failed statement has its `place`, `FILE:LINE:COLUMN`.
pub fn render(at: jiff::Timestamp, event: &Event, places: &Places, out: &mut dyn Write) -> io::Result<()> {
    let line = Line {
        schema: "nonstop.event/1",
        at: format!("{at:.3}"),
        event,
        place: match event {
            Event::MigrationFailed { migration, error, .. } => places.find(migration, error.statement.as_deref()),
            _ => None,
        },
    };
    super::document(&line, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_engine::event::{Outcome, Verdict};

    #[test]
    fn lines_carry_schema_and_time() {
        let mut out = Vec::new();
        let at = jiff::Timestamp::from_millisecond(1_700_000_000_120).unwrap();
        let gate = Event::Gate {
            gate: "pooler",
            verdict: Verdict::Ok,
            message: "direct".to_owned(),
        };
        render(at, &gate, &Places::default(), &mut out).unwrap();
        let end = Event::RunFinished {
            outcome: Outcome::Done,
            applied: 2,
            rolled_back: 0,
            duration_ms: 5,
        };
        render(at, &end, &Places::default(), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        {"schema":"nonstop.event/1","at":"2023-11-14T22:13:20.120Z","event":"gate","gate":"pooler","verdict":"ok","message":"direct"}
        {"schema":"nonstop.event/1","at":"2023-11-14T22:13:20.120Z","event":"run_finished","outcome":"done","applied":2,"duration_ms":5}
        "#);
    }
}
