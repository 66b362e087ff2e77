//! For people: plain sentences, colour where the stream takes it (the stream strips it elsewhere).

pub mod backfill;
pub mod check;
pub mod demo;
pub mod events;
pub mod explain;
pub mod fix;
pub mod plan;
pub mod preflight;
pub mod rules;
pub mod session;
pub mod status;
pub mod test_rollback;

use anstyle::{AnsiColor, Style};
use nonstop_engine::event::Verdict;

/// What went wrong, or stops.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Names.
pub const NAME: Style = Style::new().bold();
/// What is beside the point.
pub const DIM: Style = Style::new().dimmed();

/// Text in a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A gate's verdict, as wide as the longest.
pub(crate) fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ok => styled(GOOD, "ok     "),
        Verdict::Warning => styled(WARNING, "warning"),
        Verdict::Stop => styled(ERROR, "stop   "),
        Verdict::Skipped => styled(DIM, "skipped"),
    }
}

/// A name as a shell takes it as one word.
pub(crate) fn shell(name: &str) -> String {
    let plain = |ch: char| ch.is_alphanumeric() || matches!(ch, '_' | '-' | '.' | '/' | '+' | ':' | '@' | ',');
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with('-') {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

/// `1 migration`, `2 migrations`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// A statement on one line, shortened to a width.
pub(crate) fn one_line(sql: &str, width: usize) -> String {
    let flat = sql
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
        .collect::<Vec<_>>()
        .join(" ");
    if flat.chars().count() <= width {
        return flat;
    }
    let short: String = flat.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", short.trim_end())
}

/// Indents every line.
pub(crate) fn indent(text: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    text.lines()
        .map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!("{margin}{line}")
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word_to_a_shell() {
        assert_eq!(shell("20240101_ümlaut"), "20240101_ümlaut");
        assert_eq!(shell("it's a \"name\""), r#"'it'\''s a "name"'"#);
        assert_eq!(shell(""), "''");
    }

    #[test]
    fn statements_are_shortened() {
        assert_eq!(one_line("-- why\nSELECT\n  1;\n", 20), "SELECT 1;");
        assert_eq!(one_line("SELECT 'äöüäöüäöü'", 10), "SELECT 'ä…");
    }
}
