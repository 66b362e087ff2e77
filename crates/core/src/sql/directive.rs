//! `-- nonstop: …` comments above a statement.

use crate::source::Span;

/// One directive, as `cli.md` defines them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directive {
    /// `allow RULE[, RULE] because REASON`.
    Allow {
        /// The rules.
        rules: Vec<String>,
        /// The reason, never empty.
        reason: String,
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
    /// `batch-size` without a number.
    #[error("`nonstop: batch-size` needs a number of rows, at least 1")]
    NoNumber,
    /// Neither `allow`, `as-written` nor `batch-size`.
    #[error("`nonstop: {0}` is not a directive; there are `allow`, `as-written` and `batch-size`")]
    Unknown(String),
}

impl Directive {
    /// Reads a comment; `None` when it is not a directive at all.
    pub(super) fn read(comment: &str, statement: usize, span: Span) -> Option<Result<Self, DirectiveError>> {
        let text = comment.trim_start_matches("--").trim().strip_prefix("nonstop:")?.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Some(match word {
            "allow" => Self::allow(rest, statement, span),
            "as-written" => Ok(Self::AsWritten { statement }),
            "batch-size" => match rest.trim().parse() {
                Ok(rows) if rows > 0 => Ok(Self::BatchSize { statement, rows }),
                _ => Err(DirectiveError::NoNumber),
            },
            other => Err(DirectiveError::Unknown(other.to_owned())),
        })
    }

    fn allow(rest: &str, statement: usize, span: Span) -> Result<Self, DirectiveError> {
        let (rules, reason) = rest.split_once(" because ").ok_or(DirectiveError::NoReason)?;
        let rules: Vec<String> = rules.split(',').map(|rule| rule.trim().to_owned()).collect();
        if rules.iter().any(String::is_empty) {
            return Err(DirectiveError::NoRule);
        }
        match reason.trim() {
            "" => Err(DirectiveError::NoReason),
            reason => Ok(Self::Allow {
                rules,
                reason: reason.to_owned(),
                statement,
                span,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { start: 0, end: 1 };

    #[test]
    fn reads_the_three() {
        let allow = Directive::read("-- nonstop: allow a-b, c because the table is tiny", 3, SPAN)
            .unwrap()
            .unwrap();
        let Directive::Allow {
            rules,
            reason,
            statement: 3,
            ..
        } = allow
        else {
            panic!("{allow:?}")
        };
        assert_eq!(
            (rules, reason.as_str()),
            (vec!["a-b".to_owned(), "c".to_owned()], "the table is tiny")
        );
        assert_eq!(
            Directive::read("--nonstop: as-written", 1, SPAN),
            Some(Ok(Directive::AsWritten { statement: 1 }))
        );
        let batch = Directive::read("-- nonstop: batch-size 2000", 1, SPAN);
        assert_eq!(
            batch,
            Some(Ok(Directive::BatchSize {
                statement: 1,
                rows: 2000
            }))
        );
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(Directive::read("-- a comment", 1, SPAN), None);
        assert_eq!(
            Directive::read("-- nonstop: allow x", 1, SPAN),
            Some(Err(DirectiveError::NoReason))
        );
        assert_eq!(
            Directive::read("-- nonstop: allow x because  ", 1, SPAN),
            Some(Err(DirectiveError::NoReason))
        );
        assert_eq!(
            Directive::read("-- nonstop: batch-size 0", 1, SPAN),
            Some(Err(DirectiveError::NoNumber))
        );
        let unknown = Directive::read("-- nonstop: ignore", 1, SPAN);
        assert_eq!(unknown, Some(Err(DirectiveError::Unknown("ignore".to_owned()))));
    }
}
