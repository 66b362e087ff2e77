//! What is told of a failure: the statement, its place, what the server said, what was undone, what to do next.

use super::WayOn;
use crate::formats::human::{ERROR, NAME, indent, styled};
use nonstop_engine::event::{Direction, Failure};

/// Everything known of it.
pub(super) fn told(
    (migration, direction): (&str, Direction),
    error: &Failure,
    place: Option<&String>,
    undone: &[String],
    way_on: Option<WayOn>,
) -> String {
    let refusal = error.message.strip_prefix("refused ");
    let name = styled(NAME, migration);
    let mut lines = vec![match refusal {
        Some(why) => format!("{} {name} {why}", styled(ERROR, "refused")),
        None => format!("{} {name}: {}", styled(ERROR, "failed"), error.message),
    }];
    let mut fact = |name: &str, text: Option<&String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let rest = indent(text.trim_end(), 15);
            lines.push(format!("  {name:<12} {}", rest.trim_start()));
        }
    };
    fact("file", place);
    fact("statement", error.statement.as_ref());
    fact("SQLSTATE", error.sqlstate.as_ref());
    fact("detail", error.detail.as_ref());
    fact("hint", error.hint.as_ref());
    if !error.rows.is_empty() {
        fact("rows", Some(&error.rows.join("\n")));
    }
    if !undone.is_empty() {
        fact("undone", Some(&undone.join("\n")));
    }
    let verb = direction.verb();
    let next = match direction {
        _ if way_on == Some(WayOn::Elsewhere) => String::new(),
        _ if way_on.is_some() => format!("`{verb}` goes on from here once the cause is gone."),
        _ if refusal.is_some() => "Nothing of this migration was touched.".to_owned(),
        Direction::Forward => {
            format!("Nothing of this migration is left. Change its data or its file, then run `{verb}` again.")
        }
        Direction::Back => {
            format!("The migration is applied as before. Change its data or its down script, then run `{verb}` again.")
        }
    };
    fact("next", Some(&next));
    lines.join("\n")
}
