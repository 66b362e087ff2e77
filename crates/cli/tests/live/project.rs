//! A folder with a project in it, and the program run inside.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use testkit::TestDatabase;

/// A project on disk.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Project {
    /// A project from its files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// A Prisma project from names and texts of migrations.
    pub(crate) fn prisma(migrations: &[(&str, &str)]) -> Self {
        let project = Self::new(&[]);
        for (name, text) in migrations {
            project.write(&format!("prisma/migrations/{name}/migration.sql"), text);
        }
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The program, in the project and in an environment without a database.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nonstop"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["DATABASE_URL", "DIRECT_URL", "NONSTOP_DATABASE_URL", "PGPASSWORD"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs it without a database.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs it on a database.
    pub(crate) fn on(&self, database: &TestDatabase, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        Ran::of(command.env("NONSTOP_DATABASE_URL", database.url()).output().unwrap())
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Both streams and the code, with what changes from run to run put out: versions, times, durations, pids, ids.
    pub(crate) fn shown(&self) -> String {
        let both = format!("{}{}[{}]", self.err, self.out, self.code);
        // Only a step that took a second says how long: which one that is depends on the machine.
        let lines: Vec<&str> = both
            .lines()
            .filter(|line| !line.starts_with("      done in "))
            .collect();
        steady(&lines.join("\n"))
    }

    /// The JSON Lines on stdout.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {self:?}"));
        self.out.lines().map(line).collect()
    }

    /// The document on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A text without what changes from run to run.
fn steady(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(ToOwned::to_owned).collect();
    for at in 0..words.len() {
        let is_number = |word: &str| !word.is_empty() && word.chars().all(|ch| ch.is_ascii_digit() || ch == '.');
        if words[at].ends_with("PostgreSQL")
            && let Some(next) = words.get_mut(at + 1)
        {
            let rest = next
                .trim_start_matches(|ch: char| ch.is_ascii_digit() || ch == '.')
                .to_owned();
            *next = format!("N{rest}");
        }
        let next = words.get(at + 1).cloned().unwrap_or_default();
        let unit: String = next.chars().take_while(|ch| ch.is_alphabetic()).collect();
        if is_number(&words[at]) && (unit == "ms" || unit == "s") {
            "N".clone_into(&mut words[at]);
            words[at + 1] = next.replacen("ms", "s", 1);
        }
    }
    let text = words.join(" ");
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let shape: String = bytes[at..bytes.len().min(at + 19)]
            .iter()
            .map(|ch| if ch.is_ascii_digit() { '0' } else { *ch })
            .collect();
        if shape == "0000-00-00 00:00:00" {
            out.push_str("TIME");
            at += 19;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}
