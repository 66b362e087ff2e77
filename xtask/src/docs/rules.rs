//! A page for each rule, and their list.

use super::Documents;
use nonstop_core::finding::{Category, Severity};
use nonstop_core::rule::{Cure, Rule};
use nonstop_core::rules;
use std::fmt::Write;

pub(super) fn render(documents: &mut Documents) {
    documents.insert("docs/rules/README.md".to_owned(), index());
    for rule in rules::ALL {
        documents.insert(format!("docs/rules/{}.md", rule.code), page(rule));
    }
}

const CATEGORIES: [(Category, &str, &str); 5] = [
    (
        Category::Blocking,
        "blocking",
        "Locks out reads or writes for as long as it works.",
    ),
    (Category::Compat, "compat", "Breaks code that is running."),
    (Category::DataLoss, "data-loss", "Loses data."),
    (Category::Reliability, "reliability", "Fails, or may."),
    (Category::Style, "style", "Taste."),
];

fn index() -> String {
    let mut out = String::from(
        "<!-- Made by `./x docs` from the rules. -->\n\n# Rules\n\n`nonstop rules RULE` explains one without a network. \
         `--select`, `--ignore` and `nonstop.toml` take names and categories.\n",
    );
    for (category, name, meaning) in CATEGORIES {
        let rules: Vec<&&Rule> = rules::ALL.iter().filter(|rule| rule.category == category).collect();
        if rules.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "\n## {name}\n\n{meaning}\n\n| rule | severity | finds |\n|---|---|---|\n"
        );
        for rule in rules {
            let code = rule.code;
            let _ = writeln!(out, "| [`{code}`]({code}.md) | {} | {} |", severity(rule), rule.title());
        }
    }
    out
}

fn page(rule: &Rule) -> String {
    let (_, category, _) = CATEGORIES
        .into_iter()
        .find(|(category, ..)| *category == rule.category)
        .unwrap_or(CATEGORIES[0]);
    let mut out = format!(
        "<!-- Made by `./x docs` from the rule. -->\n\n# {}\n\n{}, {category}, since {}. {}\n\n",
        rule.code,
        severity(rule),
        rule.since,
        cure(rule.cure)
    );
    let mut inside = false;
    for line in rule.markdown().lines() {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                let heading = if info.contains("bad") { "Found" } else { "Not found" };
                let _ = writeln!(out, "## {heading}\n\n```sql");
            } else {
                out.push_str("```\n");
            }
        } else if !inside && line.starts_with("# ") {
            let _ = writeln!(out, "#{line}\n");
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
    let _ = writeln!(out, "\nIn short: {}\n\nMore: <{}>", rule.help, rule.url);
    out
}

fn severity(rule: &Rule) -> String {
    let word = match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let off = if rule.opt_in { ", off by default" } else { "" };
    format!("{word}{off}")
}

fn cure(cure: Cure) -> &'static str {
    match cure {
        Cure::Planned => "`nonstop deploy` runs a safe form where the statement has one.",
        Cure::Always => "`nonstop deploy` runs it safely as it is.",
        Cure::Never => "`nonstop deploy` has no safe form of it.",
    }
}
