//! Which `ALTER COLUMN … TYPE` rewrite the table, and which only change the catalog.
//!
//! The rules are `ATColumnChangeRequiresRewrite` and `TryReuseIndex` in `tablecmds.c`: a change is free when no cast
//! function runs for the rows.

/// A type's name without its modifiers, and the modifiers.
fn split(display: &str) -> (String, Vec<u32>) {
    let Some((head, rest)) = display.split_once('(') else {
        return (display.to_owned(), Vec::new());
    };
    let Some((inside, tail)) = rest.split_once(')') else {
        return (display.to_owned(), Vec::new());
    };
    let modifiers = inside.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (format!("{}{}", head.trim_end(), tail), modifiers)
}

/// Whether the rows stay as they are; `utc` says that the session's `TimeZone` is UTC.
pub(super) fn is_free(from: &str, to: &str, utc: bool) -> bool {
    if from == to {
        return true;
    }
    let ((from, old), (to, new)) = (split(from), split(to));
    // No modifier is no limit.
    let wider = |old: &[u32], new: &[u32]| match (old.first(), new.first()) {
        (_, None) => true,
        (Some(old), Some(new)) => new >= old,
        (None, Some(_)) => false,
    };
    match (from.as_str(), to.as_str()) {
        ("text", "character varying") => new.is_empty(),
        ("numeric", "numeric") => {
            let scale = |modifiers: &[u32]| modifiers.get(1).copied().unwrap_or(0);
            new.is_empty() || (!old.is_empty() && wider(&old, &new) && scale(&old) == scale(&new))
        }
        ("timestamp without time zone", "timestamp with time zone")
        | ("timestamp with time zone", "timestamp without time zone") => utc && wider(&old, &new),
        ("character varying", "text" | "citext")
        | ("cidr", "inet")
        | ("text", "citext")
        | ("integer", "oid" | "regclass" | "regtype")
        | ("oid", "integer") => true,
        (same, other) => same == other && MODIFIED.contains(&same) && wider(&old, &new),
    }
}

/// Types whose modifier is a limit that can be raised without touching the rows.
const MODIFIED: &[&str] = &[
    "character varying",
    "bit varying",
    "interval",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
];

/// Whether a plain index on the column survives a free change: only when values compare as before.
pub(super) fn keeps_index(from: &str, to: &str) -> bool {
    let ((from, _), (to, _)) = (split(from), split(to));
    let text = |name: &str| matches!(name, "character varying" | "text");
    from == to || (text(&from) && text(&to)) || (from == "cidr" && to == "inet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_list() {
        for (from, to) in [
            ("character varying(50)", "character varying(100)"),
            ("character varying(50)", "character varying"),
            ("character varying(50)", "text"),
            ("text", "character varying"),
            ("numeric(10,2)", "numeric(12,2)"),
            ("numeric(10,2)", "numeric"),
            ("interval(3)", "interval(6)"),
            ("cidr", "inet"),
            ("bit varying(8)", "bit varying(16)"),
            ("integer", "oid"),
        ] {
            assert!(is_free(from, to, true), "{from} to {to}");
        }
        for (from, to) in [
            ("character varying(50)", "character varying(20)"),
            ("text", "character varying(100)"),
            ("integer", "bigint"),
            ("numeric(10,2)", "numeric(12,3)"),
            ("numeric(10,2)", "numeric(8,2)"),
            ("character(10)", "text"),
            ("character(10)", "character(20)"),
            ("timestamp(6) without time zone", "timestamp(3) without time zone"),
            ("json", "jsonb"),
        ] {
            assert!(!is_free(from, to, true), "{from} to {to}");
        }
        let zones = ("timestamp without time zone", "timestamp with time zone");
        assert!(is_free(zones.0, zones.1, true) && !is_free(zones.0, zones.1, false));
        assert!(!keeps_index(zones.0, zones.1) && keeps_index("character varying(5)", "text"));
    }
}
