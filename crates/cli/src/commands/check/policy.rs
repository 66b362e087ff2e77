//! Which rules are heard: flags and `nonstop.toml` to the core's [`Policy`].

use crate::config::{CheckSection, LevelName};
use crate::exit::Problem;
use nonstop_core::date::Date;
use nonstop_core::finding::Severity;
use nonstop_core::lint::{Level, PathPolicy, Policy, Selector, UnknownRule};
use std::collections::BTreeMap;

pub(super) fn of(select: &[String], ignore: &[String], section: &CheckSection) -> Result<Policy, Problem> {
    let mut paths = Vec::new();
    for own in &section.paths {
        let Ok(glob) = own.glob.parse();
        paths.push(PathPolicy {
            glob,
            ignore: selectors(&own.ignore)?,
            severity: levels(&own.severity)?,
        });
    }
    Ok(Policy {
        select: selectors(&super::super::or_file(select, section.select.as_ref()))?,
        ignore: selectors(&super::super::or_file(ignore, section.ignore.as_ref()))?,
        severity: levels(&section.severity)?,
        paths,
        today: today(),
    })
}

fn selectors(names: &[String]) -> Result<Vec<Selector>, Problem> {
    names.iter().map(|name| selector(name)).collect()
}

fn selector(name: &str) -> Result<Selector, Problem> {
    name.parse().map_err(|error: UnknownRule| unknown(&error))
}

/// Also for `rules NAME`.
pub(in crate::commands) fn unknown(error: &UnknownRule) -> Problem {
    let problem = Problem::usage(error);
    match error.alike {
        Some(alike) => problem.detail(format_args!("did you mean {alike}? `nonstop rules` lists them")),
        None => problem.detail("`nonstop rules` lists them"),
    }
}

fn levels(section: &BTreeMap<String, LevelName>) -> Result<Vec<(Selector, Level)>, Problem> {
    let level = |(name, level): (&String, &LevelName)| {
        let level = match level {
            LevelName::Off => Level::Off,
            LevelName::Warning => Level::On(Severity::Warning),
            LevelName::Error => Level::On(Severity::Error),
        };
        Ok((selector(name)?, level))
    };
    section.iter().map(level).collect()
}

/// The day at which an allow is looked at: the same everywhere, so UTC.
fn today() -> Option<Date> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let part = |number: i8| u8::try_from(number).ok();
    Date::new(
        u16::try_from(today.year()).ok()?,
        part(today.month())?,
        part(today.day())?,
    )
}
