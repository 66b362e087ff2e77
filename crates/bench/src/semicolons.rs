//! The same SQL without a semicolon inside of anything: Prisma's own JavaScript engine, which the bench runs, cuts a script
//! at every one of them, also inside a comment or a function's body.

/// Rewrites comments, literals and dollar-quoted bodies; what stands between them is left as it is.
pub(crate) fn hide(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(piece) = Piece::first(rest) {
        let (text, after) = rest.split_at(piece.len);
        match piece.kind {
            Kind::Comment => out.push_str(&text.replace(';', ",")),
            Kind::Literal(body) if body.contains(';') => out.push_str(&escape_string(&body)),
            Kind::Plain | Kind::Literal(_) => out.push_str(text),
        }
        rest = after;
    }
    out
}

struct Piece {
    len: usize,
    kind: Kind,
}

enum Kind {
    Plain,
    Comment,
    /// With what it stands for.
    Literal(String),
}

impl Piece {
    fn first(sql: &str) -> Option<Self> {
        let first = sql.chars().next()?;
        let to = |end: Option<usize>| end.unwrap_or(sql.len());
        if sql.starts_with("--") {
            return Some(Self {
                len: to(sql.find('\n')),
                kind: Kind::Comment,
            });
        }
        if sql.starts_with("/*") {
            return Some(Self {
                len: to(sql.find("*/").map(|at| at + 2)),
                kind: Kind::Comment,
            });
        }
        if first == '\'' || first == '"' {
            let len = quoted(sql, first);
            let body = sql[1..len].trim_end_matches('\'').replace("''", "'");
            let kind = if first == '\'' {
                Kind::Literal(body)
            } else {
                Kind::Plain
            };
            return Some(Self { len, kind });
        }
        if let Some((len, body)) = dollar_quoted(sql) {
            return Some(Self {
                len,
                kind: Kind::Literal(body.to_owned()),
            });
        }
        Some(Self {
            len: first.len_utf8(),
            kind: Kind::Plain,
        })
    }
}

/// The length of what is between two quotes, doubled ones inside.
fn quoted(sql: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(end) = sql[at..].find(quote) {
        at += end + 1;
        if !sql[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    sql.len()
}

/// `$$…$$` or `$tag$…$tag$`: its length, and what is inside.
fn dollar_quoted(sql: &str) -> Option<(usize, &str)> {
    let tag_end = sql.strip_prefix('$')?.find('$')? + 2;
    let tag = &sql[..tag_end];
    if !tag[1..tag_end - 1].chars().all(|ch| ch.is_alphanumeric() || ch == '_') {
        return None;
    }
    let inside = sql[tag_end..].find(tag)?;
    Some((tag_end + inside + tag_end, &sql[tag_end..tag_end + inside]))
}

/// `E'…'` with the semicolons as codes.
fn escape_string(body: &str) -> String {
    let body = body.replace('\\', "\\\\").replace('\'', "\\'").replace(';', "\\x3b");
    format!("E'{body}'")
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn semicolons_stay_only_between_statements() {
        assert_eq!(hide("SELECT 1; -- a; b\nSELECT 2;"), "SELECT 1; -- a, b\nSELECT 2;");
        assert_eq!(hide("/* a; */ SELECT '''a;';"), "/* a, */ SELECT E'\\'a\\x3b';");
        assert_eq!(
            hide("DO $$ BEGIN x('\\'); END $$;"),
            "DO E' BEGIN x(\\'\\\\\\')\\x3b END ';"
        );
        assert_eq!(hide("DO $a$ $$;$$ $a$;"), "DO E' $$\\x3b$$ ';");
        assert_eq!(hide("SELECT \"a\"\"b\", 'c', $1;"), "SELECT \"a\"\"b\", 'c', $1;");
    }
}
