//! File, environment and flags become one [`Settings`]; each value knows where it came from.
//!
//! `--database-url` wins over `NONSTOP_DATABASE_URL`, `DIRECT_URL`, `DATABASE_URL`, `nonstop.toml` and the project's Prisma
//! config, in this order. A URL is a [`Secret`]: it has no way to be printed.

mod dotenv;
mod file;
mod literals;
mod prisma;
mod schema;

pub use file::{CheckSection, ConfigFile, LevelName, NAME};
pub use schema::schema;

use crate::layouts::{self, Folder, LayoutChoice, LayoutError};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variables that may hold the database URL, strongest first.
pub const URL_VARIABLES: [&str; 3] = ["NONSTOP_DATABASE_URL", "DIRECT_URL", "DATABASE_URL"];

/// Folders that are looked for when nothing names one.
pub const DEFAULT_FOLDERS: [&str; 3] = ["prisma/migrations", "migrations", "db/migrations"];

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it: the connection.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self)
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag, `--dir`.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// `nonstop.toml` or what `--config` names.
    File(String),
    /// A file of the Prisma project, with the key.
    Project(String),
    /// Found by looking at the usual places.
    Found,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::File(path) | Self::Project(path) => f.write_str(path),
            Self::Found => f.write_str("found by looking"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A value from somewhere.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

/// The process's environment, or a test's. Its values may be secrets, so it has no way to be printed.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// That of this process; what is not UTF-8 is left out.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// A made one.
    pub fn of(values: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(values.iter().map(owned).collect())
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

/// What the common flags said.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--dir`.
    pub dir: Option<PathBuf>,
    /// `--layout`.
    pub layout: Option<LayoutChoice>,
    /// `--database-url`.
    pub database_url: Option<Secret>,
    /// `--config`.
    pub config: Option<PathBuf>,
}

/// Everything that was set, before a command asks for it.
#[derive(Debug)]
pub struct Settings {
    /// What `nonstop.toml` says; empty without one.
    pub file: ConfigFile,
    /// The name of the file that was read.
    pub file_path: Option<String>,
    dir: Option<Sourced<PathBuf>>,
    layout: LayoutChoice,
    url: Option<Sourced<Secret>>,
    looked: Vec<String>,
    root: PathBuf,
    environment: Environment,
}

impl Settings {
    /// Brings flags, environment, `nonstop.toml` and the Prisma project in `root` together.
    pub fn resolve(flags: &Flags, environment: &Environment, root: &Path) -> Result<Self, ConfigError> {
        let (file_path, file) = read_file(flags.config.as_deref(), root)?;
        let mut project = prisma::read(root, environment)?;
        let shown = file_path.as_deref().map(|path| path.display().to_string());
        let in_file = |key: &str| Origin::File(format!("{}: {key}", shown.as_deref().unwrap_or(NAME)));

        let dir = flags.dir.clone().map(|dir| Sourced::new(dir, Origin::Flag("--dir")));
        let dir = dir.or_else(|| {
            let base = file_path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
            let dir = file.dir.as_ref()?;
            Some(Sourced::new(base.join(dir), in_file("dir")))
        });
        let dir = dir.or_else(|| {
            let found = project.migrations.take()?;
            let beside_schema = matches!(&found.origin, Origin::Project(text) if text.starts_with("beside "));
            (!beside_schema || root.join(&found.value).is_dir()).then_some(found)
        });

        let url = flags.database_url.clone();
        let url = url.map(|url| Sourced::new(url, Origin::Flag("--database-url")));
        let url = url.or_else(|| {
            URL_VARIABLES.into_iter().find_map(|name| {
                let value = environment.get(name)?;
                Some(Sourced::new(Secret::new(value), Origin::Environment(name)))
            })
        });
        let url = url.or_else(|| Some(Sourced::new(file.database_url.clone()?, in_file("database-url"))));
        let url = url.or(project.url);

        let mut looked = vec![
            "--database-url: not given".to_owned(),
            format!("environment: none of {} is set", URL_VARIABLES.join(", ")),
        ];
        looked.push(match &shown {
            Some(path) => format!("{path}: no `database-url`"),
            None => format!("{NAME}: there is none"),
        });
        if project.looked.is_empty() {
            looked.push("Prisma project: no prisma.config.*, no schema.prisma".to_owned());
        }
        looked.append(&mut project.looked);
        Ok(Self {
            layout: flags.layout.or(file.layout).unwrap_or(LayoutChoice::Auto),
            file,
            file_path: shown,
            dir,
            url,
            looked,
            root: root.to_path_buf(),
            environment: environment.clone(),
        })
    }

    /// The database, or every place that was looked at.
    pub fn database(&self) -> Result<&Sourced<Secret>, ConfigError> {
        self.url.as_ref().ok_or_else(|| ConfigError::NoDatabase {
            looked: self.looked.clone(),
        })
    }

    /// The database where there is one.
    pub fn database_if_any(&self) -> Option<&Sourced<Secret>> {
        self.url.as_ref()
    }

    /// Whether the database was named for nonstop, and does not merely lie about in a variable of other tools.
    pub fn names_database(&self) -> bool {
        let origin = self.url.as_ref().map(|url| &url.origin);
        matches!(
            origin,
            Some(Origin::Flag(_) | Origin::Environment("NONSTOP_DATABASE_URL"))
        )
    }

    /// The password that libpq would take where the URL has none: `PGPASSWORD`.
    pub fn password(&self) -> Option<String> {
        self.environment.get("PGPASSWORD")
    }

    /// The text of libpq's password file; like libpq, not one that others may read.
    pub fn passfile(&self) -> Option<String> {
        let named = self.environment.get("PGPASSFILE").map(PathBuf::from);
        let path = named.or_else(|| Some(Path::new(&self.environment.get("HOME")?).join(".pgpass")))?;
        (!others_may_read(&path)).then(|| std::fs::read_to_string(&path).ok())?
    }

    /// The baseline of `check`: what the flag says, else what the file says.
    pub fn baseline(&self, of_flag: Option<&Path>) -> Option<PathBuf> {
        let base = self.file_path.as_deref().map(Path::new).and_then(Path::parent);
        let of_file = self.file.check.baseline.as_ref();
        let of_file = of_file.map(|path| self.root.join(base.unwrap_or(Path::new(""))).join(path));
        of_flag.map(Path::to_path_buf).or(of_file)
    }

    /// The layout asked for.
    pub fn layout(&self) -> LayoutChoice {
        self.layout
    }

    /// The folder of migrations.
    pub fn folder(&self) -> Result<Sourced<PathBuf>, ConfigError> {
        if let Some(dir) = &self.dir {
            return Ok(dir.clone());
        }
        let found = DEFAULT_FOLDERS.into_iter().find(|path| self.root.join(path).is_dir());
        match found {
            Some(path) => Ok(Sourced::new(PathBuf::from(path), Origin::Found)),
            None => Err(ConfigError::NoFolder),
        }
    }

    /// The migrations of that folder.
    pub fn migrations(&self) -> Result<Folder, crate::exit::Problem> {
        let dir = self.folder()?;
        let path = match dir.value.is_absolute() {
            true => dir.value.clone(),
            false if self.root == Path::new("") || self.root == Path::new(".") => dir.value.clone(),
            false => self.root.join(&dir.value),
        };
        layouts::read_folder(&path, self.layout).map_err(|error| match error {
            LayoutError::Missing { .. } => crate::exit::Problem::from(error).detail(format!("from {}", dir.origin)),
            other => other.into(),
        })
    }
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}

fn read_file(named: Option<&Path>, root: &Path) -> Result<(Option<PathBuf>, ConfigFile), ConfigError> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None if root.join(NAME).is_file() => PathBuf::from(NAME),
        None => return Ok((None, ConfigFile::default())),
    };
    let text = read_text(&root.join(&path))?;
    let file = ConfigFile::parse(&path, &text)?;
    Ok((Some(path), file))
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(ConfigError::unreadable(path, error)),
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file says what it may not.
    #[error("{path}:{line}:{column}: {message}")]
    File {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// Nobody says where the database is.
    #[error("no database URL: give --database-url, or set NONSTOP_DATABASE_URL")]
    NoDatabase {
        /// Every place that was looked at, and why nothing came of it.
        looked: Vec<String>,
    },
    /// There is no folder of migrations.
    #[error("no folder of migrations: there is no prisma/migrations, migrations or db/migrations here; give --dir")]
    NoFolder,
}

impl ConfigError {
    fn unreadable(path: &Path, source: std::io::Error) -> Self {
        Self::Unreadable {
            path: path.display().to_string(),
            source,
        }
    }

    /// Lines to show below the message.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::NoDatabase { looked } => looked.iter().map(|place| format!("looked at {place}")).collect(),
            Self::Unreadable { .. } | Self::File { .. } | Self::NoFolder => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
