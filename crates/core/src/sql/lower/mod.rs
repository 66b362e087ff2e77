//! From the parser's tree to our statements. This folder is the only place that names `pg_query`.

mod alter;
mod definition;
mod dml;
mod expr;
mod keyword;
mod names;
mod object;
mod plain;
mod predicate;
mod psql;
mod publication;
mod rows;
mod shape;
mod body;
mod change;
mod dynamic;
mod query;
mod reading;
mod rename;
mod since;
mod span;
mod table;
mod walk;
mod words;

pub use words::{Word as Identifier, comments, identifiers, normalised, words};

pub use body::{parse_function, single_expression};
pub use change::{Change, PartError, change, condition, table_name};
pub use predicate::predicate;
pub use reading::{Reading, reading};
pub use rename::renamed;

use super::{Directive, Kind, Script, Statement, SyntaxError, TransactionVerb};
use super::{directive, room};
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
    room::for_text(text, || read(file, text, skipped))
}

fn read(file: &SourceFile, text: &str, skipped: usize) -> Result<Script, SyntaxError> {
    let error = |message: String| syntax_error(file, text, skipped, &message);
    let mut script = Script {
        statements: statements(text, skipped, PIECE).map_err(error)?,
        directives: Vec::new(),
    };
    if text.contains(directive::MARK) {
        let tokens = tokens(text).map_err(error)?;
        script.directives = directives(text, skipped, &tokens, &script.statements);
    }
    Ok(script)
}

/// The statements of a text that begins at a byte of its file; or what the parser says of it.
fn statements(text: &str, skipped: usize, piece: usize) -> Result<Vec<Statement>, String> {
    let mut statements = Vec::new();
    let mut from = 0;
    let mut length = piece;
    loop {
        let to = end_of_piece(text, from, length);
        match pg_query::parse(&text[from..to], pg_query::ParserOptions::DEFAULT) {
            Ok(parsed) => {
                take(parsed.protobuf.stmts, &text[from..to], from + skipped, &mut statements);
                (from, length) = (to, piece);
            }
            // It may end inside of something.
            Err(_) if to < text.len() => length = length.saturating_mul(2),
            Err(error) => return Err(error.to_string()),
        }
        if from == text.len() {
            return Ok(statements);
        }
    }
}

/// A long text is parsed in pieces of about so many bytes: a tree takes a hundred times the memory of its text.
const PIECE: usize = 32 << 10;

/// Where a piece ends that begins here: behind a semicolon at the end of a line, or with the text. What ends so and can be
/// parsed is whole statements, and the rest is whole statements too if it can be parsed.
fn end_of_piece(text: &str, from: usize, length: usize) -> usize {
    let least = from.saturating_add(length);
    let rest = text.as_bytes().get(least..).unwrap_or_default();
    let found = rest.windows(2).position(|pair| pair == b";\n");
    found.map_or(text.len(), |at| least + at + 1)
}

/// The statements of a piece of a file, which begins at a byte of it.
fn take(all: Vec<protobuf::RawStmt>, text: &str, skipped: usize, statements: &mut Vec<Statement>) {
    for raw in all {
        let (from, to) = range(&raw, text);
        let Some(mut node) = raw.stmt.and_then(|stmt| stmt.node) else {
            continue;
        };
        let span = span::of_statement(text, from, to);
        let sql = &text[span.start..span.end];
        let ordinal = statements.len() + 1;
        let span = Span {
            start: span.start + skipped,
            end: span.end + skipped,
        };
        statements.push(Statement {
            since: since::since(&node),
            kind: lower(&mut node, sql),
            span,
            sql: SqlText::verbatim(sql),
            ordinal,
        });
    }
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

/// The parser's range of a statement, which begins at the end of the one before.
fn range(raw: &protobuf::RawStmt, text: &str) -> (usize, usize) {
    let from = usize::try_from(raw.stmt_location).unwrap_or(0);
    let len = usize::try_from(raw.stmt_len).unwrap_or(0);
    let to = if len == 0 { text.len() } else { from + len };
    (from.min(text.len()), to.min(text.len()))
}

fn directives(text: &str, skipped: usize, tokens: &[Word], statements: &[Statement]) -> Vec<Directive> {
    let comments = tokens.iter().filter(|word| word.token == Token::SqlComment);
    let read = |word: &Word| {
        let above = statements.partition_point(|statement| statement.span.start < word.start + skipped);
        let ordinal = above + 1;
        let span = Span {
            start: word.start + skipped,
            end: word.end + skipped,
        };
        Directive::read(&text[word.start..word.end], ordinal, span)
    };
    comments.filter_map(read).collect()
}

/// What the parser says at its limits, each of which is one of nesting.
const TOO_DEEP: [&str; 4] = [
    "memory exhausted",
    "nested too deeply",
    "stack depth limit exceeded",
    "recursion limit",
];

/// The parser's binding drops the position, so it is found again: the offending token is the first one with which a
/// prefix of the file fails other than by ending too soon.
fn syntax_error(file: &SourceFile, text: &str, skipped: usize, message: &str) -> SyntaxError {
    let prefixes = ["Invalid statement: ", "Error scanning: "];
    let message = prefixes
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .unwrap_or(message);
    let message = if TOO_DEEP.iter().any(|words| message.contains(words)) {
        "nested too deeply for PostgreSQL's parser: write it flatter, or as several statements"
    } else {
        message
    };
    if let Some(at) = text.find('\0') {
        return SyntaxError::at(file, at + skipped, "a NUL byte: PostgreSQL text cannot hold one");
    }
    if message.ends_with("at end of input") {
        return SyntaxError::at(file, text.trim_end().len() + skipped, message);
    }
    let Ok(tokens) = tokens(text) else {
        let at = psql::place_without_tokens(text, message);
        return SyntaxError::at(file, at + skipped, psql::explained(text, at, message));
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
    SyntaxError::at(file, at + skipped, psql::explained(text, at, message))
}

/// Statements inside a string: a function's or a block's body, or the argument of `EXECUTE`.
fn parse_fragment(text: &str) -> Option<Vec<Statement>> {
    let script = parse(&SourceFile::new("", text)).ok()?;
    Some(script.statements)
}

fn lower(node: &mut NodeEnum, sql: &str) -> Kind {
    if let NodeEnum::DoStmt(block) = node {
        return Kind::Do {
            body: body::of_block(block, sql),
        };
    }
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
            TransactionStmtKind::TransStmtSavepoint => TransactionVerb::Savepoint(t.savepoint_name.clone()),
            TransactionStmtKind::TransStmtRelease => TransactionVerb::Release(t.savepoint_name.clone()),
            TransactionStmtKind::TransStmtRollbackTo => TransactionVerb::RollbackTo(t.savepoint_name.clone()),
            _ => TransactionVerb::Prepared,
        }),
        NodeEnum::VariableSetStmt(set) => Kind::Set {
            name: set.name.clone(),
            values: set.args.iter().filter_map(names::constant).collect(),
            local: set.is_local,
        },
        // Without a connection it makes no slot on the other side, and may stand in a transaction.
        NodeEnum::CreateSubscriptionStmt(create)
            if ["connect", "create_slot"].iter().any(|name| {
                let value = names::option(&create.options, name).and_then(|elem| elem.arg.as_ref());
                value.and_then(|value| names::constant(value)).as_deref() == Some("false")
            }) =>
        {
            Kind::NoRelation { tag: tag() }
        }
        NodeEnum::AlterSystemStmt(_)
        | NodeEnum::CreatedbStmt(_)
        | NodeEnum::DropdbStmt(_)
        | NodeEnum::CreateTableSpaceStmt(_)
        | NodeEnum::DropTableSpaceStmt(_)
        | NodeEnum::CreateSubscriptionStmt(_)
        | NodeEnum::DropSubscriptionStmt(_) => Kind::OutsideTransaction { tag: tag() },
        NodeEnum::ReassignOwnedStmt(owned) => Kind::Owned {
            roles: names::roles(&owned.roles),
            to: owned.newrole.as_ref().map(|role| role.rolename.clone()),
        },
        NodeEnum::DropOwnedStmt(owned) => Kind::Owned {
            roles: names::roles(&owned.roles),
            to: None,
        },
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
mod tests;
