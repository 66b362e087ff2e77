//! Keeps a password given on the command line out of the process list.
//!
//! Everybody on a machine can read the arguments of a process; only its user can read its environment. So a process that was
//! given such a URL starts itself again, in place, with the URL moved to the environment.

use crate::args::Common;
use crate::config::{Environment, Secret};
use std::ffi::{OsStr, OsString};

/// Holds the URL of `--database-url` between the two starts.
const VARIABLE: &str = "NONSTOP_URL_OF_FLAG";
/// Stands in its place among the arguments.
const HIDDEN: &str = "postgresql://hidden";
const FLAG: &str = "--database-url";

/// Restarts with the URL hidden where it holds a password; where that has been done, takes it back.
pub(crate) fn url_from_process_list(common: &mut Common, environment: &Environment) {
    let Some(url) = common.database_url.as_ref().map(Secret::reveal) else {
        return;
    };
    if url == HIDDEN {
        if let Some(url) = environment.get(VARIABLE) {
            common.database_url = Some(Secret::new(url));
        }
    } else if may_hold_password(url) {
        restart(url);
    }
}

fn may_hold_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || url.to_ascii_lowercase().contains("password")
}

/// A text without the passwords of the URLs in it: a URL given where none belongs is repeated by the error that says so.
pub(crate) fn passwords(text: &str) -> String {
    let ends_word = |ch: char| ch.is_whitespace() || ch == '\'' || ch == '`';
    text.split_inclusive(ends_word)
        .flat_map(|word| {
            let end = word.trim_end_matches(ends_word).len();
            [without_password(&word[..end]), word[end..].to_owned()]
        })
        .collect()
}

/// `user:***@host`, with or without a scheme, and `password=***`.
fn without_password(word: &str) -> String {
    let (scheme, rest) = word.find("://").map_or(("", word), |at| word.split_at(at + 3));
    let (user, server) = rest
        .rsplit_once('@')
        .map_or(("", rest), |(user, server)| (user, server));
    let server = match server.to_ascii_lowercase().find("password=") {
        Some(at) => format!("{}***", &server[..at + "password=".len()]),
        None => server.to_owned(),
    };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}{name}:***@{server}"),
        None if rest.contains('@') => format!("{scheme}{user}@{server}"),
        None => format!("{scheme}{server}"),
    }
}

/// Does not come back where it succeeds; where it does not, the run goes on as it was.
#[cfg(unix)]
fn restart(url: &str) {
    use std::os::unix::process::CommandExt;
    let mut arguments = std::env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe()) else {
        return;
    };
    let _ = std::process::Command::new(program)
        .arg0(name)
        .args(hidden(arguments))
        .env(VARIABLE, url)
        .exec();
}

#[cfg(not(unix))]
fn restart(_url: &str) {}

/// The arguments with the URL replaced, in both ways of writing it.
fn hidden(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut next_is_url = false;
    arguments
        .map(|argument| {
            if std::mem::take(&mut next_is_url) {
                return OsString::from(HIDDEN);
            }
            next_is_url = argument == OsStr::new(FLAG);
            let is_joined = argument
                .to_str()
                .and_then(|text| text.strip_prefix(FLAG))
                .is_some_and(|rest| rest.starts_with('='));
            if is_joined {
                OsString::from(format!("{FLAG}={HIDDEN}"))
            } else {
                argument
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_it_are_hidden() {
        let arguments = [
            "deploy",
            "--database-url",
            "postgres://u:p@h",
            "--dir",
            "x",
            "--database-url=postgres://u:p@h",
        ];
        let seen = hidden(arguments.iter().map(OsString::from));
        let expected = [
            "deploy",
            "--database-url",
            HIDDEN,
            "--dir",
            "x",
            "--database-url=postgresql://hidden",
        ];
        assert_eq!(seen, expected.map(OsString::from));
    }

    #[test]
    fn passwords_are_cut_out_of_texts() {
        assert_eq!(
            passwords("unexpected 'postgres://u:a:b@c@h/d' and x://h/d?sslpassword=y x://u@h\n u:p@h @a a:b"),
            "unexpected 'postgres://u:***@h/d' and x://h/d?sslpassword=*** x://u@h\n u:***@h @a a:b"
        );
        assert_eq!(passwords("nothing"), "nothing");
    }

    #[test]
    fn urls_with_passwords_are_known() {
        for url in [
            "postgres://u:p@h/d",
            "postgres://h/d?password=x",
            "postgres://u:p@ss:w@h",
            "host=h PASSWORD=x",
        ] {
            assert!(may_hold_password(url), "{url}");
        }
        for url in ["postgres://u@h:5432/d", "postgres://h:5432/d"] {
            assert!(!may_hold_password(url), "{url}");
        }
    }
}
