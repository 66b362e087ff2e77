//! `nonstop.toml`: every key is the name of a flag. An unknown key is an error with its line.

use super::schema::RuleName;
use super::{ConfigError, Secret};
use crate::args::{Allow, BreakingChoice, FailOn, LimitArgs, OnFailure};
use crate::duration::Span;
use crate::layouts::LayoutChoice;
use nonstop_core::settings::PlanSettings;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name that is looked for in the current folder.
pub const NAME: &str = "nonstop.toml";

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ConfigFile {
    /// The folder of migrations, relative to the file.
    pub dir: Option<PathBuf>,
    /// Its layout.
    pub layout: Option<LayoutChoice>,
    /// Where to connect.
    pub database_url: Option<Secret>,
    /// The longest that a statement of the application may wait.
    pub max_block: Option<Span>,
    /// Tables of at most this many rows are small.
    pub small_rows: Option<u64>,
    /// What to do with statements that break running code.
    pub breaking: Option<BreakingChoice>,
    /// Hazards that are run anyway.
    pub allow: Option<Vec<Allow>>,
    /// What becomes of a failed migration's finished steps.
    pub on_failure: Option<OnFailure>,
    /// How long another deploy may hold the history.
    pub wait: Option<Span>,
    /// How long one step may try for its locks.
    pub patience: Option<Span>,
    /// Gates that are passed over.
    pub skip: Option<Vec<String>>,
    /// What changes of rows in batches keep to.
    pub batches: LimitArgs,
    /// For `check`.
    pub check: CheckSection,
}

/// `[check]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CheckSection {
    /// The server's major version to judge for.
    #[schemars(range(min = 12, max = 18))]
    pub pg_version: Option<u32>,
    /// Only these rules.
    #[schemars(with = "Option<Vec<RuleName>>")]
    pub select: Option<Vec<String>>,
    /// Not these rules.
    #[schemars(with = "Option<Vec<RuleName>>")]
    pub ignore: Option<Vec<String>>,
    /// The weakest severity that gives exit code 1.
    pub fail_on: Option<FailOn>,
    /// Other severities than the rules' own, by rule or category.
    #[schemars(with = "BTreeMap<RuleName, LevelName>")]
    pub severity: BTreeMap<String, LevelName>,
    /// What is different for some files; later ones are stronger.
    pub paths: Vec<PathSection>,
    /// Findings that were there before and are passed over, relative to the file.
    pub baseline: Option<PathBuf>,
}

/// `[[check.paths]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PathSection {
    /// The files: `*` and `?` inside a folder, `**` for any number of folders.
    pub glob: String,
    /// Not these rules.
    #[serde(default)]
    #[schemars(with = "Vec<RuleName>")]
    pub ignore: Vec<String>,
    /// Other severities, by rule or category.
    #[serde(default)]
    #[schemars(with = "BTreeMap<RuleName, LevelName>")]
    pub severity: BTreeMap<String, LevelName>,
}

/// How loud a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LevelName {
    /// Silent.
    Off,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

impl ConfigFile {
    /// Tables of at most so many rows are small: what the flag says, else what the file says.
    pub fn small_limit(&self, of_flag: Option<u64>) -> u64 {
        let own = of_flag.or(self.small_rows);
        own.unwrap_or_else(|| PlanSettings::default().small_rows)
    }

    /// Parses the text of a file; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            // The parser's own rendering quotes the line, and the line may hold a password.
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or(text);
            ConfigError::File {
                path: path.display().to_string(),
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
                message: error.message().replace('\n', "; "),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_flags() {
        let text = "dir = \"db\"\nmax-block = \"100ms\"\nallow = [\"blocking\"]\nbreaking = \"refuse\"\n[check]\npg-version = 15\n[batches]\nmax-lag = \"3s\"\nnice = 0.5\n";
        let file = ConfigFile::parse(Path::new(NAME), text).unwrap();
        assert_eq!(file.dir.as_deref(), Some(Path::new("db")));
        assert_eq!(file.max_block.unwrap().0.as_millis(), 100);
        assert_eq!(file.allow, Some(vec![Allow::Blocking]));
        assert_eq!(file.check.pg_version, Some(15));
        assert_eq!(
            (file.batches.max_lag.unwrap().0.as_secs(), file.batches.nice),
            (3, Some(0.5))
        );
    }

    #[test]
    fn paths_have_their_own_severities() {
        let text = "[check.severity]\ncompat = \"off\"\n[[check.paths]]\nglob = \"old/**\"\nignore = [\"blocking\"]\n\
                    [check.paths.severity]\nmissing-file = \"warning\"\n";
        let check = ConfigFile::parse(Path::new(NAME), text).unwrap().check;
        assert_eq!(check.severity["compat"], LevelName::Off);
        assert_eq!(check.paths[0].severity["missing-file"], LevelName::Warning);
        let no_glob = ConfigFile::parse(Path::new(NAME), "[[check.paths]]\nignore = []\n").unwrap_err();
        assert!(no_glob.to_string().contains("missing field `glob`"), "{no_glob}");
    }

    #[test]
    fn mistakes_have_a_line_and_show_no_password() {
        let error = |text: &str| ConfigFile::parse(Path::new(NAME), text).unwrap_err().to_string();
        let unknown = error("dir = \"db\"\nmax_block = \"1s\"\n");
        assert!(
            unknown.starts_with("nonstop.toml:2:1: unknown field `max_block`"),
            "{unknown}"
        );
        let unit = error("max-block = \"200\"\n");
        assert!(unit.contains(":1:13:") && unit.contains("200ms"), "{unit}");
        let secret = error("database-url = \"postgres://u:geheim@h/d\" x\n");
        assert!(!secret.contains("geheim"), "{secret}");
    }
}
