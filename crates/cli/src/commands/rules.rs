//! `rules`: what nonstop looks for, from the program itself.

use crate::args::Format;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::terminal::Terminal;
use clap::Args;
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

/// The rule of that name, or which are alike.
pub(super) fn known(name: &str) -> Result<&'static Rule, Problem> {
    rules::find(name).ok_or_else(|| {
        let words: Vec<&str> = name.split('-').filter(|word| word.len() > 3).collect();
        let likeness = |rule: &&Rule| words.iter().filter(|word| rule.code.contains(**word)).count();
        let alike = rules::ALL.iter().copied().filter(|rule| likeness(rule) > 0);
        let problem = Problem::usage(format_args!("there is no rule {name:?}"));
        match alike.max_by_key(likeness) {
            Some(rule) => problem.detail(format_args!("did you mean {}? `nonstop rules` lists them", rule.code)),
            None => problem.detail("`nonstop rules` lists them"),
        }
    })
}
