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
        writeln!(out, "{}  {code}  {}", severity(rule.severity), rule.title())?;
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
        writeln!(out, "{code}: {} ({about})", severity(rule.severity).trim_end())?;
        for line in rule.docs.lines() {
            let line = line.strip_prefix(' ').unwrap_or(line);
            match line.strip_prefix("# ") {
                Some(heading) => writeln!(out, "{}", styled(NAME, heading))?,
                None => writeln!(out, "{line}")?,
            }
        }
        writeln!(out)?;
        writeln!(out, "{} {}", styled(DIM, "see"), rule.url)?;
    }
    Ok(())
}

fn severity(severity: Severity) -> String {
    match severity {
        Severity::Error => styled(ERROR, "error  "),
        Severity::Warning => styled(WARNING, "warning"),
    }
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
