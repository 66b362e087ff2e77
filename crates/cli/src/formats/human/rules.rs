//! Rules for people: a list, or what one says in full.

use super::{DIM, ERROR, NAME, WARNING, styled};
use nonstop_core::finding::{Category, Severity};
use nonstop_core::rule::Rule;
use std::io::{self, Write};

/// One line each.
pub fn list(rules: &[&Rule], out: &mut dyn Write) -> io::Result<()> {
    let width = rules.iter().map(|rule| rule.code.len()).max().unwrap_or_default();
    for rule in rules {
        let code = styled(NAME, format_args!("{:width$}", rule.code));
        let title = rule.title();
        writeln!(out, "{code}  {}  {title}", severity(rule.severity, 7))?;
    }
    Ok(())
}

/// All that the rule's documentation says.
pub fn explain(rules: &[&Rule], out: &mut dyn Write) -> io::Result<()> {
    for (at, rule) in rules.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let about = format!("{}, since {}", category(rule.category), rule.since);
        let code = styled(NAME, rule.code);
        writeln!(out, "{code}: {} ({about})", severity(rule.severity, 0))?;
        explanation(rule, out)?;
        writeln!(out)?;
        writeln!(out, "{} {}", styled(DIM, "see"), rule.url)?;
    }
    Ok(())
}

/// Headings stand out, examples are indented.
fn explanation(rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let mut inside = false;
    for line in rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                let heading = if info.contains("bad") { "Found" } else { "Not found" };
                writeln!(out, "{}", styled(NAME, heading))?;
            }
        } else if inside {
            writeln!(out, "    {line}")?;
        } else if let Some(heading) = line.strip_prefix("# ") {
            writeln!(out, "{}", styled(NAME, heading))?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// In its colour, at least so wide.
fn severity(severity: Severity, width: usize) -> String {
    let (style, word) = match severity {
        Severity::Error => (ERROR, "error"),
        Severity::Warning => (WARNING, "warning"),
    };
    styled(style, format_args!("{word:width$}"))
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Blocking => "blocking",
        Category::Compat => "compat",
        Category::DataLoss => "data-loss",
        Category::Reliability => "reliability",
        Category::Style => "style",
    }
}
