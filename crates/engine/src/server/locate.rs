//! Finds PostgreSQL's server programs on this machine.
//!
//! A folder counts when it holds both `initdb` and `postgres` and the latter tells its version. What the user names wins
//! over what is found; among the found ones the newest is first, unless a major is asked for.

use super::place;
use nonstop_core::version::ServerVersion;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of one installation's server programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    dir: PathBuf,
    version: ServerVersion,
    banner: String,
}

/// Which programs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A folder given by the user (`--pg-bin`): then nothing else is looked at.
    pub dir: Option<PathBuf>,
    /// Only this major will do.
    pub major: Option<u32>,
}

impl Wanted {
    /// Any installation of one major.
    pub fn major(major: u32) -> Self {
        Self {
            dir: None,
            major: Some(major),
        }
    }
}

/// Why there are no programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The named folder does not hold them.
    #[error(
        "{dir} does not hold PostgreSQL's server programs (initdb and postgres); name the folder that does with --pg-bin"
    )]
    NotThere {
        /// The folder, as given.
        dir: String,
    },
    /// The named folder holds another major.
    #[error("{dir} holds PostgreSQL {found}, but {wanted} was asked for")]
    OtherMajor {
        /// The folder, as given.
        dir: String,
        /// What it holds.
        found: ServerVersion,
        /// What was asked for.
        wanted: u32,
    },
    /// None on this machine.
    #[error(
        "no PostgreSQL{} server programs found (initdb, postgres): looked at NONSTOP_PG_BIN, PATH and the usual folders. \
         Install them (Debian: apt install postgresql; Fedora: dnf install postgresql-server; macOS: brew install \
         postgresql) or name their folder with --pg-bin",
        .wanted.map(|major| format!(" {major}")).unwrap_or_default()
    )]
    NotFound {
        /// The major asked for.
        wanted: Option<u32>,
    },
}

impl Programs {
    /// The programs to use: the named folder, else `NONSTOP_PG_BIN`, else `PATH`, else the newest of the usual folders.
    pub fn locate(wanted: &Wanted) -> Result<Self, LocateError> {
        if let Some(dir) = &wanted.dir {
            let found = Self::at(dir).ok_or_else(|| LocateError::NotThere {
                dir: dir.display().to_string(),
            })?;
            return match wanted.major {
                Some(major) if major != found.major() => Err(LocateError::OtherMajor {
                    dir: dir.display().to_string(),
                    found: found.version,
                    wanted: major,
                }),
                _ => Ok(found),
            };
        }
        Self::all()
            .into_iter()
            .find(|found| wanted.major.is_none_or(|major| found.major() == major))
            .ok_or(LocateError::NotFound { wanted: wanted.major })
    }

    /// Every installation, in the order of preference.
    pub fn all() -> Vec<Self> {
        let mut seen = BTreeSet::new();
        let mut found: Vec<Self> = variable_paths("NONSTOP_PG_BIN")
            .iter()
            .chain(&variable_paths("PATH"))
            .filter_map(|dir| Self::at(dir))
            .filter(|programs| seen.insert(programs.dir.clone()))
            .collect();
        let mut usual: Vec<Self> = usual_folders()
            .iter()
            .filter_map(|dir| Self::at(dir))
            .filter(|programs| seen.insert(programs.dir.clone()))
            .collect();
        // Stable: of two installations of one major the distribution's stays before a fetched one.
        usual.sort_by_key(|programs| std::cmp::Reverse(programs.major()));
        found.append(&mut usual);
        found
    }

    /// The programs in one folder, if they are there and run. Links are followed, so that `/usr/bin/postgres` leads home.
    pub fn at(dir: &Path) -> Option<Self> {
        let postgres = fs::canonicalize(dir.join("postgres")).ok()?;
        let dir = postgres.parent()?.to_owned();
        if !dir.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        let banner = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let version = read_version(&banner)?;
        Some(Self { dir, version, banner })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The version.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.version.major()
    }

    /// What tells this build from others, fit for a file name.
    pub(super) fn key(&self) -> String {
        self.banner
            .chars()
            .map(|ch| {
                if ch.is_ascii_alphanumeric() || ch == '.' {
                    ch
                } else {
                    '-'
                }
            })
            .collect()
    }
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `… 19beta1`.
fn read_version(banner: &str) -> Option<ServerVersion> {
    let number = banner.split_once("(PostgreSQL) ")?.1;
    let (major, rest) = leading_number(number)?;
    let minor = rest
        .strip_prefix('.')
        .and_then(leading_number)
        .map_or(0, |(minor, _)| minor);
    Some(ServerVersion(major * 10_000 + minor))
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn variable_paths(name: &str) -> Vec<PathBuf> {
    env::var_os(name).map_or_else(Vec::new, |value| {
        env::split_paths(&value).filter(|dir| dir.is_absolute()).collect()
    })
}

/// Where distributions put them; the fetched ones last.
fn usual_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix, inside) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
        ("/Library/PostgreSQL", "", "bin"),
    ] {
        folders.extend(children(Path::new(parent), prefix).map(|dir| dir.join(inside)));
    }
    folders.push("/usr/local/pgsql/bin".into());
    folders.extend(place::caches().iter().flat_map(|cache| {
        children(&cache.join("pg"), "")
            .map(|dir| dir.join("bin"))
            .collect::<Vec<_>>()
    }));
    folders
}

fn children(parent: &Path, prefix: &'static str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_banner() {
        let debian = read_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)");
        assert_eq!(debian, Some(ServerVersion(150_018)));
        assert_eq!(
            read_version("postgres (PostgreSQL) 19beta1"),
            Some(ServerVersion(190_000))
        );
        assert_eq!(read_version("something else"), None);
    }

    #[test]
    fn a_named_folder_without_programs_is_an_error() {
        let wanted = Wanted {
            dir: Some("/nonexistent".into()),
            major: None,
        };
        let error = Programs::locate(&wanted).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent does not hold"), "{error}");
    }
}
