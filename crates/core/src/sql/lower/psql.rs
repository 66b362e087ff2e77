//! Files that only `psql` runs, such as the output of `pg_dump`: where the grammar stops in them, and the reason in words.
//!
//! `psql` reads its own commands and the rows behind `COPY … FROM stdin`. Every other client sends the text to the server,
//! which refuses it.

/// Where the grammar stopped in a text that the scanner cannot take apart.
///
/// The parser reads no further than the offending token, so a text that ends behind it fails with the same message, and
/// one that ends before it does not.
pub(super) fn place_without_tokens(text: &str, message: &str) -> usize {
    let Some((_, quoted)) = message.split_once("at or near \"") else {
        return 0;
    };
    let quoted = quoted.trim_end_matches('"');
    if message.starts_with("unterminated") || quoted.is_empty() {
        // The message quotes a string, comment or quoted name from where it begins.
        return text.rfind(quoted).unwrap_or(0);
    }
    let places: Vec<usize> = text.match_indices(quoted).map(|(at, _)| at).collect();
    let fails_behind = |at: &usize| {
        let parsed = pg_query::parse(&text[..at + quoted.len()], pg_query::ParserOptions::DEFAULT);
        parsed.is_err_and(|error| error.to_string().ends_with(message))
    };
    let first = places.partition_point(|at| !fails_behind(at));
    places.get(first).copied().unwrap_or(0)
}

/// The message, and why the text ran elsewhere, if `psql` is the reason.
pub(super) fn explained(text: &str, at: usize, message: &str) -> String {
    let message = message.lines().next().unwrap_or(message);
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with('\\') {
        let word = rest.split_whitespace().next().unwrap_or_default();
        return format!("{message}: `{word}` is a command of psql, which no server knows");
    }
    if follows_copy(text.get(..at).unwrap_or_default()) {
        return format!(
            "{message}: only psql reads the rows behind COPY … FROM stdin. Write them as INSERT (pg_dump --inserts)"
        );
    }
    message.to_owned()
}

/// Whether the last statement of a text is `COPY … FROM stdin`.
fn follows_copy(before: &str) -> bool {
    let statement = before.trim_end().strip_suffix(';').unwrap_or_default();
    let last = statement.rsplit(';').next().unwrap_or_default();
    let words: Vec<String> = last
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .flat_map(str::split_whitespace)
        .map(str::to_lowercase)
        .collect();
    words.first().is_some_and(|word| word == "copy")
        && words.windows(2).any(|pair| pair[0] == "from" && pair[1] == "stdin")
}

#[cfg(test)]
mod tests {
    use crate::source::SourceFile;
    use crate::sql::parse;

    fn said(text: &str) -> String {
        parse(&SourceFile::new("dump.sql", text)).unwrap_err().to_string()
    }

    #[test]
    fn a_command_of_psql_is_named_where_it_stands() {
        let dump = "-- a dump\n\n\\restrict X\n\nSELECT 1;\nCOPY t (a) FROM stdin;\nit's\n\\.\n\n\\unrestrict X\n";
        assert_eq!(
            said(dump),
            "dump.sql:3:1: syntax error at or near \"\\\": `\\restrict` is a command of psql, which no server knows"
        );
    }

    #[test]
    fn rows_of_copy_are_named_where_they_begin() {
        let dump = "SELECT 1;\n\nCOPY public.t (a, b) FROM stdin;\n1\tit's\n\\.\n";
        let said = said(dump);
        assert!(
            said.starts_with("dump.sql:4:1: syntax error at or near \"1\": only psql"),
            "{said}"
        );
    }
}
