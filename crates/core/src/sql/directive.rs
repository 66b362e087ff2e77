//! `-- nonstop: …` comments above a statement.

use crate::date::{Date, NotADate};
use crate::source::Span;

/// What a directive begins with.
pub(super) const MARK: &str = "nonstop:";

/// One directive, as `cli.md` defines them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directive {
    /// `allow RULE[, RULE] because REASON [until 2027-01-31]`.
    Allow {
        /// The rules.
        rules: Vec<String>,
        /// The reason, never empty.
        reason: String,
        /// The last day on which it holds.
        until: Option<Date>,
        /// The statement it is for, from 1.
        statement: usize,
        /// Where the comment stands.
        span: Span,
    },
    /// `as-written`: the statement is not rewritten.
    AsWritten {
        /// The statement it is for, from 1.
        statement: usize,
    },
    /// `batch-size N`.
    BatchSize {
        /// The statement it is for, from 1.
        statement: usize,
        /// Rows in a batch.
        rows: u64,
    },
    /// One that does not say what it should: nobody may act on the file before it is corrected.
    Wrong {
        /// What is wrong.
        error: DirectiveError,
        /// The statement it stands above, from 1.
        statement: usize,
        /// Where the comment stands.
        span: Span,
    },
}

/// A directive that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectiveError {
    /// `allow` without `because`.
    #[error("a `nonstop: allow` needs its reason: `-- nonstop: allow RULE because …`")]
    NoReason,
    /// No rule is named.
    #[error("a `nonstop: allow` names no rule: `-- nonstop: allow RULE because …`")]
    NoRule,
    /// `until` with something like a date that is none.
    #[error("`{0}` is no day: a `nonstop: allow` ends with `until 2027-01-31`, or without `until`")]
    NoDate(String),
    /// `batch-size` without a number.
    #[error("`nonstop: batch-size` needs a number of rows, at least 1")]
    NoNumber,
    /// Neither `allow`, `as-written` nor `batch-size`.
    #[error("`nonstop: {0}` is not a directive; there are `allow`, `as-written` and `batch-size`")]
    Unknown(String),
}

impl Directive {
    /// Reads a comment; `None` when it is not a directive at all.
    pub(super) fn read(comment: &str, statement: usize, span: Span) -> Option<Self> {
        let text = comment.trim_start_matches("--").trim().strip_prefix(MARK)?.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let read = match word {
            "allow" => Self::allow(rest, statement, span),
            "as-written" => Ok(Self::AsWritten { statement }),
            "batch-size" => match rest.trim().parse() {
                Ok(rows) if rows > 0 => Ok(Self::BatchSize { statement, rows }),
                _ => Err(DirectiveError::NoNumber),
            },
            other => Err(DirectiveError::Unknown(other.to_owned())),
        };
        let wrong = |error| Self::Wrong { error, statement, span };
        Some(read.unwrap_or_else(wrong))
    }

    fn allow(rest: &str, statement: usize, span: Span) -> Result<Self, DirectiveError> {
        let (rules, reason) = rest.split_once(" because ").ok_or(DirectiveError::NoReason)?;
        let rules: Vec<String> = rules.split(',').map(|rule| rule.trim().to_owned()).collect();
        if rules.iter().any(String::is_empty) {
            return Err(DirectiveError::NoRule);
        }
        let (reason, until) = expiry(reason.trim())?;
        match reason.trim() {
            "" => Err(DirectiveError::NoReason),
            reason => Ok(Self::Allow {
                rules,
                reason: reason.to_owned(),
                until,
                statement,
                span,
            }),
        }
    }
}

/// A reason may hold the word `until`; before a last word that begins with a digit it is a date's.
fn expiry(reason: &str) -> Result<(&str, Option<Date>), DirectiveError> {
    let Some((before, date)) = reason.rsplit_once("until ") else {
        return Ok((reason, None));
    };
    let date = date.trim();
    if date.contains(char::is_whitespace) || !date.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Ok((reason, None));
    }
    match date.parse() {
        Ok(date) => Ok((before, Some(date))),
        Err(NotADate) => Err(DirectiveError::NoDate(date.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { start: 0, end: 1 };

    fn read(comment: &str) -> Option<Directive> {
        Directive::read(comment, 3, SPAN)
    }

    fn error(comment: &str) -> DirectiveError {
        match read(comment) {
            Some(Directive::Wrong { error, .. }) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_the_three() {
        let Some(Directive::Allow {
            rules,
            reason,
            until: None,
            statement: 3,
            ..
        }) = read("-- nonstop: allow a-b, c because the table is tiny")
        else {
            panic!()
        };
        assert_eq!(
            (rules, reason.as_str()),
            (vec!["a-b".to_owned(), "c".to_owned()], "the table is tiny")
        );
        assert_eq!(
            read("--nonstop: as-written"),
            Some(Directive::AsWritten { statement: 3 })
        );
        let batch = Directive::BatchSize {
            statement: 3,
            rows: 2000,
        };
        assert_eq!(read("-- nonstop: batch-size 2000"), Some(batch));
    }

    #[test]
    fn an_allow_may_end() {
        let parts = |comment: &str| match read(comment) {
            Some(Directive::Allow { reason, until, .. }) => (reason, until),
            other => panic!("{other:?}"),
        };
        let day = "2027-01-31".parse().ok();
        assert_eq!(
            parts("-- nonstop: allow a because it is small until 2027-01-31"),
            ("it is small".to_owned(), day)
        );
        let story = "nobody writes until the rollout";
        assert_eq!(
            parts(&format!("-- nonstop: allow a because {story}")),
            (story.to_owned(), None)
        );
        let wrong = error("-- nonstop: allow a because it is small until 2027-02-30");
        assert_eq!(wrong, DirectiveError::NoDate("2027-02-30".to_owned()));
        assert_eq!(
            error("-- nonstop: allow a because until 2027-01-31"),
            DirectiveError::NoReason
        );
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(read("-- a comment"), None);
        assert_eq!(error("-- nonstop: allow x"), DirectiveError::NoReason);
        assert_eq!(error("-- nonstop: allow x because  "), DirectiveError::NoReason);
        assert_eq!(error("-- nonstop: allow x, because y"), DirectiveError::NoRule);
        assert_eq!(error("-- nonstop: batch-size 0"), DirectiveError::NoNumber);
        assert_eq!(
            error("-- nonstop: ignore"),
            DirectiveError::Unknown("ignore".to_owned())
        );
    }
}
