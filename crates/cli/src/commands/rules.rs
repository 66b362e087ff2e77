//! `rules`: what nonstop looks for, from the program itself.

use crate::args::Format;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::terminal::Terminal;
use clap::Args;
use nonstop_core::lint::UnknownRule;
use nonstop_core::rule::Rule;
use nonstop_core::rules;

/// Flags of `rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Explain these [default: list all]
    #[arg(value_name = "RULE")]
    pub rules: Vec<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

pub(super) fn run(args: &RulesArgs, terminal: Terminal) -> Result<Exit, Problem> {
    let asked = args
        .rules
        .iter()
        .map(|name| known(name))
        .collect::<Result<Vec<_>, _>>()?;
    let chosen: &[&Rule] = if asked.is_empty() { rules::ALL } else { &asked };
    match args.format {
        Format::Human if asked.is_empty() => human::rules::list(chosen, &mut terminal.out())?,
        Format::Human => human::rules::explain(chosen, &mut terminal.out())?,
        Format::Json => json::rules::render(chosen, &mut terminal.out())?,
    }
    Ok(Exit::Done)
}

fn known(name: &str) -> Result<&'static Rule, Problem> {
    rules::find(name).ok_or_else(|| super::check::unknown_rule(&UnknownRule::of(name)))
}
