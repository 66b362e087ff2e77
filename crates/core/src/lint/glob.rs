//! Patterns of paths: `*` and `?` inside a folder, `**` for any number of folders.

use std::convert::Infallible;
use std::str::FromStr;

/// A pattern of paths. It may begin at any folder of a path: `old/**` fits `prisma/migrations/old/a.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<String>);

impl FromStr for Glob {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.trim_start_matches("./").replace('\\', "/");
        Ok(Self(text.split('/').map(str::to_owned).collect()))
    }
}

impl Glob {
    /// Whether the pattern fits the path.
    pub fn fits(&self, path: &str) -> bool {
        let path = path.replace('\\', "/");
        let parts: Vec<&str> = path.trim_start_matches("./").split('/').collect();
        (0..parts.len()).any(|from| folders(&self.0, &parts[from..]))
    }
}

fn folders(pattern: &[String], parts: &[&str]) -> bool {
    match (pattern.split_first(), parts.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any == "**" => {
            folders(rest, parts) || parts.split_first().is_some_and(|(_, below)| folders(pattern, below))
        }
        (Some((first, rest)), Some((part, below))) => {
            let (first, part): (Vec<char>, Vec<char>) = (first.chars().collect(), part.chars().collect());
            letters(&first, &part) && folders(rest, below)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn letters(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => {
            letters(rest, text) || text.split_first().is_some_and(|(_, below)| letters(pattern, below))
        }
        (Some(('?', rest)), Some((_, below))) => letters(rest, below),
        (Some((first, rest)), Some((letter, below))) => first == letter && letters(rest, below),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits() {
        let fits = |glob: &str, path: &str| glob.parse::<Glob>().unwrap().fits(path);
        let path = "prisma/migrations/20240101_a/migration.sql";
        for glob in [
            path,
            "prisma/**",
            "**/migration.sql",
            "**",
            "migration.sql",
            "migrations/2024*/**",
            "./prisma/migrations/*/*.sql",
            "20240101_?/*",
        ] {
            assert!(fits(glob, path), "{glob}");
            assert!(fits(glob, &format!("./{path}")), "{glob}");
        }
        for glob in ["prisma/*", "2023*/**", "migrations", "*.sq", "20240101_/*"] {
            assert!(!fits(glob, path), "{glob}");
        }
    }
}
