//! New text from old: statements put together, tokens moved about, things nested, bytes broken.

use fastrand::Rng;

/// What stands between two migrations of one text.
pub(crate) const NEXT: &str = "\n-- next migration\n";

/// Openers with their closers, for nesting.
const NESTS: [(&str, &str); 16] = [
    ("(", ")"),
    ("(SELECT ", ")"),
    ("NOT ", ""),
    ("- ", ""),
    ("ARRAY[", "]"),
    ("CASE WHEN true THEN ", " END"),
    ("f(", ")"),
    ("ROW(", ")"),
    ("'a' || ", ""),
    ("", "::text"),
    ("", " IS NULL"),
    ("", "[1]"),
    ("/*", "*/"),
    ("CAST(", " AS int)"),
    ("(SELECT * FROM ", ") AS x"),
    ("DO $a$ BEGIN ", " END $a$"),
];

/// Text that breaks lexers, and words that change what a statement is.
const BITS: [&str; 48] = [
    "'",
    "\"",
    "$$",
    "$a$",
    "--",
    "/*",
    "*/",
    ";",
    "\0",
    "\u{feff}",
    "\r\n",
    "\u{e4}",
    "\u{1f389}",
    "\\",
    "E'\\",
    "U&'\\",
    "U&\"\\",
    "::",
    "..",
    ":=",
    "$1",
    "%",
    "@@",
    "99999999999999999999",
    "-1",
    "1e400",
    "0x",
    "NULL",
    "CONCURRENTLY",
    "IF EXISTS",
    "IF NOT EXISTS",
    "CASCADE",
    "ONLY",
    "NOT VALID",
    "USING",
    "DEFAULT",
    "PARTITION OF",
    "BEGIN;",
    "COMMIT;",
    "ROLLBACK TO SAVEPOINT a;",
    "SET search_path TO b;",
    "CREATE TEMP TABLE",
    "public.",
    "pg_catalog.",
    "\"a\".\"b\".\"c\".",
    "-- nonstop: allow rewrites-table because\n",
    "-- nonstop: as-written\n",
    "DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$;",
];

/// Makes a text from a pool of statements, and of texts that showed something new.
pub(crate) fn text(random: &mut Rng, statements: &[String], shown: &[String]) -> String {
    let mut text = if !shown.is_empty() && random.bool() {
        pick(random, shown).clone()
    } else {
        compose(random, statements)
    };
    for _ in 0..random.usize(0..6) {
        text = mutated(random, text, statements, shown);
        if text.len() > 20_000 {
            break;
        }
    }
    text
}

fn compose(random: &mut Rng, statements: &[String]) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(1..8) {
        text.push_str(pick(random, statements).as_str());
        text.push_str(if random.u8(0..4) == 0 { NEXT } else { ";\n" });
    }
    text
}

fn mutated(random: &mut Rng, text: String, statements: &[String], shown: &[String]) -> String {
    let tokens = tokens(&text);
    if tokens.is_empty() {
        return compose(random, statements);
    }
    let at = random.usize(0..tokens.len());
    let until = (at + random.usize(1..6)).min(tokens.len());
    let other = if shown.is_empty() || random.bool() {
        pick(random, statements)
    } else {
        pick(random, shown)
    };
    let others = self::tokens(other);
    let (before, inside, after) = (
        tokens[..at].concat(),
        tokens[at..until].concat(),
        tokens[until..].concat(),
    );
    match random.u8(0..13) {
        0 => before + &after,
        1 => [before, inside.clone(), inside, after].concat(),
        2 => {
            let to = random.usize(0..tokens.len());
            let mut tokens = tokens;
            tokens.swap(at, to);
            tokens.concat()
        }
        3 | 4 if !others.is_empty() => {
            let from = random.usize(0..others.len());
            let to = (from + random.usize(1..12)).min(others.len());
            [before, others[from..to].concat(), after].concat()
        }
        5 => [before, pick(random, &BITS).to_string(), inside, after].concat(),
        6 => {
            let (open, close) = *pick(random, &NESTS);
            // Deep ones are slow, and mostly refused.
            let deepest = if random.u8(0..20) == 0 { 13 } else { 5 };
            let depth = 1 << random.u32(0..=deepest);
            [before, open.repeat(depth), inside, close.repeat(depth), after].concat()
        }
        7 => {
            let times = 1 << random.u32(1..5);
            [before, inside.repeat(times), after].concat()
        }
        8 => flipped(random, text),
        9 => before,
        10 => [text.as_str(), ";\n", other].concat(),
        11 => [text.as_str(), NEXT, other].concat(),
        // One name for another makes statements meet.
        _ => {
            let is_name =
                |token: &&&str| token.starts_with('"') || token.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let names: Vec<&&str> = tokens.iter().filter(is_name).collect();
            if names.len() < 2 {
                return before + &after;
            }
            let (from, to) = (**pick(random, &names), **pick(random, &names));
            let renamed: Vec<&str> = tokens
                .iter()
                .map(|token| if *token == from { to } else { token })
                .collect();
            renamed.concat()
        }
    }
}

fn flipped(random: &mut Rng, text: String) -> String {
    let mut bytes = text.into_bytes();
    for _ in 0..random.usize(1..4) {
        if let Some(at) = (!bytes.is_empty()).then(|| random.usize(0..bytes.len())) {
            bytes[at] ^= 1 << random.u8(0..8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn pick<'a, T>(random: &mut Rng, from: &'a [T]) -> &'a T {
    &from[random.usize(0..from.len())]
}

/// Words, numbers, quoted things and single characters; the space between them is a token too.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = if is_word(first) {
            rest.find(|c| !is_word(c))
        } else if first.is_whitespace() {
            rest.find(|c: char| !c.is_whitespace())
        } else if first == '\'' || first == '"' {
            rest[1..].find(first).map(|at| at + 2)
        } else {
            Some(first.len_utf8())
        };
        let (token, behind) = rest.split_at(end.unwrap_or(rest.len()));
        tokens.push(token);
        rest = behind;
    }
    tokens
}
