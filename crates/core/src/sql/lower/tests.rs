//! Places, spans and limits of the reading.

use super::*;
use crate::sql::{ActionKind, ConstraintKindDef};
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
fn nothing_of_a_new_table_is_not_valid() {
    let not_valid = |text: &str| {
        let script = parse_text(text).unwrap();
        match &script.statements[0].kind {
            Kind::CreateTable(create) => create.constraints[0].not_valid,
            Kind::AlterTable(alter) => match &alter.actions[0].kind {
                ActionKind::AddConstraint(added) => added.not_valid,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert!(!not_valid("CREATE TABLE t (a int, CHECK (a > 0) NOT VALID)"));
    assert!(!not_valid(
        "CREATE TABLE t (a int, FOREIGN KEY (a) REFERENCES u NOT VALID)"
    ));
    assert!(not_valid(
        "CREATE FOREIGN TABLE t (a int, CHECK (a > 0) NOT VALID) SERVER s"
    ));
    assert!(not_valid("ALTER TABLE t ADD CHECK (a > 0) NOT VALID"));
}

#[test]
fn a_quoted_name_may_hold_a_dot() {
    let script = parse_text(r#"ALTER TABLE t ADD CHECK (t."ä.ö" > s."f.g"("b.c"))"#).unwrap();
    let Kind::AlterTable(alter) = &script.statements[0].kind else {
        panic!()
    };
    let ActionKind::AddConstraint(added) = &alter.actions[0].kind else {
        panic!()
    };
    let ConstraintKindDef::Check(rule) = &added.kind else {
        panic!()
    };
    let columns: Vec<&str> = rule.columns.iter().map(String::as_str).collect();
    assert_eq!(columns, ["b.c", "ä.ö"]);
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

/// What nests, as the text before, within and behind, so many times.
const NESTED: [(&str, &str, &str, &str, &str); 9] = [
    ("SELECT ", "NOT ", "true", "", ";"),
    ("SELECT ", "(SELECT ", "1", ")", ";"),
    ("SELECT ", "ARRAY[", "1", "]", ";"),
    ("SELECT ", "CASE WHEN true THEN ", "1", " END", ";"),
    ("SELECT ", "a || ", "a", "", ";"),
    ("SELECT 1", "", "", " UNION SELECT 1", ";"),
    ("SELECT * FROM ", "(SELECT * FROM ", "t", ") AS a", ";"),
    ("CREATE TABLE t (a int CHECK (", "NOT ", "(a > 0)", "", "));"),
    ("ALTER TABLE t ADD COLUMN b text DEFAULT ", "'a' || ", "'a'", "", ";"),
];

fn nested((before, open, middle, close, behind): (&str, &str, &str, &str, &str), depth: usize) -> String {
    [before, &open.repeat(depth), middle, &close.repeat(depth), behind].concat()
}

#[test]
fn what_the_parser_carries_is_read() {
    for form in NESTED {
        let script = parse_text(&nested(form, 900)).unwrap();
        assert_eq!(script.statements.len(), 1, "{form:?}");
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused_at_its_place() {
    for form in NESTED {
        let text = format!("SELECT 1;\n{}\n", nested(form, 100_000));
        let error = parse_text(&text).unwrap_err();
        assert!(
            error.message.starts_with("nested too deeply"),
            "{form:?}: {}",
            error.message
        );
        assert_eq!(error.place.line, 2, "{form:?}");
        assert!(error.place.column <= text.len(), "{form:?}");
    }
}

/// Spans as the parser's own scanner tells them.
fn spans_by_tokens(text: &str) -> Option<Vec<(usize, usize)>> {
    let tokens = tokens(text).ok()?;
    let parsed = pg_query::parse(text, pg_query::ParserOptions::DEFAULT).ok()?;
    let spans = parsed.protobuf.stmts.iter().map(|raw| {
        let (from, to) = range(raw, text);
        let inside = tokens.iter().filter(|word| word.start >= from && word.end <= to);
        let words: Vec<_> = inside
            .filter(|word| !is_comment(word.token) && &text[word.start..word.end] != ";")
            .collect();
        let first = words.first().map_or(from, |word| word.start);
        (first, words.last().map_or(to, |word| word.end))
    });
    Some(spans.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn spans_are_those_of_the_scanner(
        bits in prop::collection::vec(
            prop::sample::select(vec![
                "SELECT ", "1", ";", "\n", " ", "-- c ;'\n", "/* ; ' */", "/* /* */ -- */", "'a''b'", "'--'", "E'\\'--'", "e'\\\\'",
                "ae'", "'", "\"a--\"", "\"", "$$--$$", "$a$ $$ /* $a$", "$1", "a$$", "::text", ",", "-", "--", "\r", "\u{e4}", "(", ")", "\u{c}", "\u{a0}",
            ]),
            0..14,
        ),
    ) {
        let text = bits.concat();
        if let (Some(expected), Ok(script)) = (spans_by_tokens(&text), parse_text(&text)) {
            let spans: Vec<_> = script.statements.iter().map(|one| (one.span.start, one.span.end)).collect();
            prop_assert_eq!(spans, expected, "{:?}", text);
        }
    }
}

#[test]
fn a_modifier_that_no_server_takes_stops_nothing() {
    for text in [
        "ALTER TABLE t ADD COLUMN c numeric(1 + 1)",
        "CREATE TABLE t (c numeric(f(1)))",
    ] {
        assert!(matches!(
            parse_text(text).unwrap().statements[0].kind,
            Kind::Other { .. }
        ));
    }
}

const SHUFFLED: &str = "-- A comment: \u{e4}\nALTER TABLE \"T\" ADD COLUMN c text DEFAULT 'x; y';\nCREATE INDEX i ON \"T\" (lower(c));\n\
    DO $$ BEGIN PERFORM 1; END $$; /* end */";

proptest! {
    /// Bytes of a file in another order: read, or refused at a place inside it.
    #[test]
    fn bytes_in_any_order_are_read_or_refused_at_a_place_inside(
        swaps in prop::collection::vec((0..SHUFFLED.len(), 0..SHUFFLED.len()), 0..6),
        all in Just(SHUFFLED.as_bytes().to_vec()).prop_shuffle(),
        whole in any::<bool>(),
    ) {
        let mut bytes = if whole { all } else { SHUFFLED.as_bytes().to_vec() };
        for (one, other) in swaps {
            bytes.swap(one, other);
        }
        let text = String::from_utf8_lossy(&bytes);
        match parse_text(&text) {
            Ok(script) => for one in script.statements { prop_assert!(text.get(one.span.start..one.span.end).is_some()); },
            Err(error) => {
                let line = text.split('\n').nth(error.place.line - 1);
                prop_assert!(line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&error.place.column)), "{:?} {}", text, error);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_statements_are_read() {
    let text = "SELECT 1;\n".repeat(100_000);
    let script = parse_text(&text).unwrap();
    assert_eq!(script.statements.len(), 100_000);
    assert_eq!(&text[script.statements[99_999].span.start..], "SELECT 1;\n");
}

#[test]
fn pieces_of_a_text_are_the_whole() {
    let text = "CREATE TABLE a (b text DEFAULT ';\n');\n\
        -- c;\n\
        CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1;\nSELECT 2;\nEND;\n\
        /* ;\n /* ;\n */ ;\n */ DO $$ BEGIN PERFORM 1;\nPERFORM 2;\nEND $$;\n\
        CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM a;\nDELETE FROM a;\n);\n\
        ALTER TABLE a ADD c int DEFAULT 1, ADD PRIMARY KEY (c); SELECT 'ü';;\n;\n\
        INSERT INTO a VALUES (E'\\';\n'); -- the last;\n\n";
    let whole = statements(text, 3, usize::MAX).unwrap();
    assert_eq!(whole.len(), 7);
    for piece in 1..text.len() {
        assert_eq!(statements(text, 3, piece).unwrap(), whole, "{piece}");
    }
    for broken in [
        "SELECT 1;\nSELEC 2;\nSELECT 3;\n",
        "SELECT 1;\nSELECT '2;\n",
        "SELECT 1;\nSELECT (2;\n",
    ] {
        let said = statements(broken, 0, usize::MAX).unwrap_err();
        for piece in 1..broken.len() {
            assert_eq!(statements(broken, 0, piece).unwrap_err(), said, "{broken}");
        }
    }
}
