//! From the parser's tree to our statements. This folder is the only place that names `pg_query`.

mod alter;
mod definition;
mod dml;
mod expr;
mod names;
mod object;
mod publication;
mod rows;
mod body;
mod since;
mod table;
mod words;

pub use words::{Word as Identifier, identifiers, normalised};

use super::{Directive, Kind, Script, Statement, SyntaxError, TransactionVerb};
use crate::quote::SqlText;
use crate::source::{SourceFile, Span};
use pg_query::NodeEnum;
use pg_query::protobuf::{self, Token, TransactionStmtKind};

/// Reads a file.
///
/// # Errors
/// Text that PostgreSQL's grammar refuses, with the place of the offending token.
pub fn parse(file: &SourceFile) -> Result<Script, SyntaxError> {
    let (text, skipped) = file.body();
    let tokens = tokens(text).map_err(|message| syntax_error(file, text, skipped, &message))?;
    let parsed = pg_query::parse(text, pg_query::ParserOptions::DEFAULT)
        .map_err(|error| syntax_error(file, text, skipped, &error.to_string()))?;
    let mut script = Script::default();
    for raw in &parsed.protobuf.stmts {
        let Some(node) = raw.stmt.as_ref().and_then(|stmt| stmt.node.as_ref()) else {
            continue;
        };
        let span = statement_span(raw, text, &tokens);
        let sql = &text[span.start..span.end];
        let ordinal = script.statements.len() + 1;
        let span = Span {
            start: span.start + skipped,
            end: span.end + skipped,
        };
        script.statements.push(Statement {
            kind: lower(node, sql),
            span,
            sql: SqlText::verbatim(sql),
            ordinal,
            since: since::since(node),
        });
    }
    script.directives = directives(text, skipped, &tokens, &script.statements);
    Ok(script)
}

struct Word {
    start: usize,
    end: usize,
    token: Token,
}

fn tokens(text: &str) -> Result<Vec<Word>, String> {
    let scanned = pg_query::scan(text).map_err(|error| error.to_string())?;
    let offset = |at: i32| usize::try_from(at).unwrap_or(0).min(text.len());
    let words = scanned.tokens.iter().map(|t| Word {
        start: offset(t.start),
        end: offset(t.end),
        token: t.token(),
    });
    Ok(words.collect())
}

fn is_comment(token: Token) -> bool {
    matches!(token, Token::SqlComment | Token::CComment)
}

/// The parser's range begins at the end of the statement before; ours at its first word.
fn statement_span(raw: &protobuf::RawStmt, text: &str, tokens: &[Word]) -> Span {
    let from = usize::try_from(raw.stmt_location).unwrap_or(0);
    let len = usize::try_from(raw.stmt_len).unwrap_or(0);
    let to = if len == 0 {
        text.len()
    } else {
        (from + len).min(text.len())
    };
    let mut inside = tokens[tokens.partition_point(|w| w.start < from)..]
        .iter()
        .take_while(|w| w.end <= to)
        .filter(|w| !is_comment(w.token) && &text[w.start..w.end] != ";");
    let first = inside.next();
    let start = first.map_or(from, |w| w.start);
    let end = inside.last().or(first).map_or(to, |w| w.end);
    Span { start, end }
}

fn directives(text: &str, skipped: usize, tokens: &[Word], statements: &[Statement]) -> Vec<Directive> {
    let comments = tokens.iter().filter(|word| word.token == Token::SqlComment);
    let read = |word: &Word| {
        let below = statements
            .iter()
            .find(|statement| statement.span.start >= word.start + skipped);
        let ordinal = below.map_or(statements.len() + 1, |statement| statement.ordinal);
        let span = Span {
            start: word.start + skipped,
            end: word.end + skipped,
        };
        Directive::read(&text[word.start..word.end], ordinal, span)
    };
    comments.filter_map(read).collect()
}

/// The parser's binding drops the position, so it is found again: the offending token is the first one with which a
/// prefix of the file fails other than by ending too soon.
fn syntax_error(file: &SourceFile, text: &str, skipped: usize, message: &str) -> SyntaxError {
    let prefixes = ["Invalid statement: ", "Error scanning: "];
    let message = prefixes
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .unwrap_or(message);
    if let Some(at) = text.find('\0') {
        return SyntaxError::at(file, at + skipped, "a NUL byte: PostgreSQL text cannot hold one");
    }
    if message.ends_with("at end of input") {
        return SyntaxError::at(file, text.trim_end().len() + skipped, message);
    }
    let Ok(tokens) = tokens(text) else {
        // An unterminated string, comment or quoted name: the message quotes it from where it begins.
        let quoted = message
            .split_once("at or near \"")
            .map(|(_, rest)| rest.trim_end_matches('"'));
        let at = quoted.and_then(|quoted| text.rfind(quoted)).unwrap_or(0);
        return SyntaxError::at(file, at + skipped, message.lines().next().unwrap_or(message));
    };
    let fails_inside =
        |count: usize| match pg_query::parse(&text[..tokens[count - 1].end], pg_query::ParserOptions::DEFAULT) {
            Ok(_) => false,
            Err(error) => !error.to_string().ends_with("at end of input"),
        };
    let (mut good, mut bad) = (0, tokens.len());
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        if fails_inside(middle) {
            bad = middle;
        } else {
            good = middle;
        }
    }
    let at = tokens.get(good).map_or(0, |token| token.start);
    SyntaxError::at(file, at + skipped, message)
}

/// Statements inside a string: a function's or a block's body, or the argument of `EXECUTE`.
fn parse_fragment(text: &str) -> Option<Vec<Statement>> {
    let script = parse(&SourceFile::new("", text)).ok()?;
    Some(script.statements)
}

fn lower(node: &NodeEnum, sql: &str) -> Kind {
    table::lower(node)
        .or_else(|| alter::lower(node))
        .or_else(|| publication::lower(node))
        .or_else(|| object::lower(node))
        .or_else(|| dml::lower(node))
        .unwrap_or_else(|| other(node, sql))
}

fn other(node: &NodeEnum, sql: &str) -> Kind {
    let tag = || tag(sql);
    match node {
        NodeEnum::TransactionStmt(t) => Kind::Transaction(match t.kind() {
            TransactionStmtKind::TransStmtBegin | TransactionStmtKind::TransStmtStart => TransactionVerb::Begin,
            TransactionStmtKind::TransStmtCommit => TransactionVerb::Commit,
            TransactionStmtKind::TransStmtRollback => TransactionVerb::Rollback,
            TransactionStmtKind::TransStmtSavepoint => TransactionVerb::Savepoint,
            TransactionStmtKind::TransStmtRelease => TransactionVerb::Release,
            TransactionStmtKind::TransStmtRollbackTo => TransactionVerb::RollbackTo,
            _ => TransactionVerb::Prepared,
        }),
        NodeEnum::VariableSetStmt(set) => Kind::Set {
            name: set.name.clone(),
            values: set.args.iter().filter_map(names::constant).collect(),
            local: set.is_local,
        },
        NodeEnum::AlterSystemStmt(_)
        | NodeEnum::CreatedbStmt(_)
        | NodeEnum::DropdbStmt(_)
        | NodeEnum::CreateTableSpaceStmt(_)
        | NodeEnum::DropTableSpaceStmt(_)
        | NodeEnum::CreateSubscriptionStmt(_)
        | NodeEnum::DropSubscriptionStmt(_) => Kind::OutsideTransaction { tag: tag() },
        NodeEnum::CreateRoleStmt(_)
        | NodeEnum::AlterRoleStmt(_)
        | NodeEnum::AlterRoleSetStmt(_)
        | NodeEnum::DropRoleStmt(_)
        | NodeEnum::GrantRoleStmt(_)
        | NodeEnum::AlterDatabaseSetStmt(_)
        | NodeEnum::AlterDatabaseStmt(_)
        | NodeEnum::AlterDefaultPrivilegesStmt(_)
        | NodeEnum::CreateCastStmt(_)
        | NodeEnum::CreateOpClassStmt(_)
        | NodeEnum::CreateOpFamilyStmt(_)
        | NodeEnum::AlterOpFamilyStmt(_)
        | NodeEnum::AlterOperatorStmt(_)
        | NodeEnum::AlterFunctionStmt(_)
        | NodeEnum::CreateConversionStmt(_)
        | NodeEnum::CreatePlangStmt(_)
        | NodeEnum::CreateAmStmt(_)
        | NodeEnum::CreateTransformStmt(_)
        | NodeEnum::CreateFdwStmt(_)
        | NodeEnum::AlterFdwStmt(_)
        | NodeEnum::CreateForeignServerStmt(_)
        | NodeEnum::AlterForeignServerStmt(_)
        | NodeEnum::CreateUserMappingStmt(_)
        | NodeEnum::AlterUserMappingStmt(_)
        | NodeEnum::DropUserMappingStmt(_)
        | NodeEnum::AlterTsdictionaryStmt(_)
        | NodeEnum::AlterTsconfigurationStmt(_)
        | NodeEnum::AlterCollationStmt(_)
        | NodeEnum::CreateEventTrigStmt(_)
        | NodeEnum::AlterEventTrigStmt(_)
        | NodeEnum::AlterStatsStmt(_)
        | NodeEnum::NotifyStmt(_)
        | NodeEnum::ListenStmt(_)
        | NodeEnum::UnlistenStmt(_)
        | NodeEnum::DiscardStmt(_)
        | NodeEnum::DeallocateStmt(_)
        | NodeEnum::ConstraintsSetStmt(_)
        | NodeEnum::CheckPointStmt(_)
        | NodeEnum::LoadStmt(_)
        | NodeEnum::VariableShowStmt(_) => Kind::NoRelation { tag: tag() },
        _ => Kind::Other { tag: tag() },
    }
}

/// The statement's first three words, for messages.
fn tag(sql: &str) -> String {
    let words = sql
        .split_whitespace()
        .take_while(|word| word.chars().all(|c| c.is_ascii_alphabetic()));
    words.take(3).collect::<Vec<_>>().join(" ").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_text(text: &str) -> Result<Script, SyntaxError> {
        parse(&SourceFile::new("m.sql", text))
    }

    #[test]
    fn spans_leave_out_comments_and_semicolons() {
        let text = "\u{feff}-- head\n/* c */ SELECT 1 ; -- tail\n\nDROP TABLE a;\n-- end\n";
        let script = parse_text(text).unwrap();
        let slices: Vec<_> = script
            .statements
            .iter()
            .map(|s| &text[s.span.start..s.span.end])
            .collect();
        assert_eq!(slices, ["SELECT 1", "DROP TABLE a"]);
        assert_eq!(script.statements[1].sql.as_str(), "DROP TABLE a");
    }

    #[test]
    fn empty_and_comment_only_files_have_no_statements() {
        for text in ["", "\u{feff}", "  \r\n", "-- nothing\n", "/* nothing */", ";;"] {
            assert_eq!(parse_text(text).unwrap().statements, [], "{text:?}");
        }
    }

    #[test]
    fn syntax_errors_name_the_token_and_its_place() {
        let cases = [
            (
                "SELECT 1;\nCREATE TABEL a (b int);",
                2,
                8,
                "syntax error at or near \"TABEL\"",
            ),
            (
                "ALTER TABLE a ADD COLUMN (b int);",
                1,
                26,
                "syntax error at or near \"(\"",
            ),
            ("SELECT 'ü', x y z;", 1, 17, "syntax error at or near \"z\""),
            ("CREATE TABLE a (b int", 1, 22, "syntax error at end of input"),
            (
                "SELECT 1;\nSELECT 'open",
                2,
                8,
                "unterminated quoted string at or near \"'open\"",
            ),
            ("SELECT \0", 1, 8, "a NUL byte: PostgreSQL text cannot hold one"),
        ];
        for (text, line, column, message) in cases {
            let error = parse_text(text).unwrap_err();
            assert_eq!(
                (error.place.line, error.place.column, error.message.as_str()),
                (line, column, message),
                "{text}"
            );
        }
    }

    #[test]
    fn a_directive_belongs_to_the_statement_below() {
        let script = parse_text("SELECT 1;\n-- nonstop: as-written\nSELECT 2;").unwrap();
        assert_eq!(script.directives, [Directive::AsWritten { statement: 2 }]);
        let file = SourceFile::new("m.sql", "SELECT 1;\n-- nonstop: allow x\nSELECT 2;");
        let script = parse(&file).unwrap();
        assert_eq!(script.with_clear_directives(&file).unwrap_err().place.line, 2);
    }

    proptest! {
        /// Any text gives statements whose spans lie inside it, or an error whose place lies inside it.
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n\u{e4}]{0,60}") {
            match parse_text(&text) {
                Ok(script) => for s in script.statements { prop_assert!(text.get(s.span.start..s.span.end).is_some()); },
                Err(error) => prop_assert!(error.place.line <= text.lines().count().max(1) + 1),
            }
        }
    }
}
