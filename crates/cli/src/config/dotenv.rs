//! `.env` files, as the `dotenv` package that Prisma uses reads them.

use std::collections::BTreeMap;

type Known = BTreeMap<String, String>;
type Outer<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of a `.env` text; a later line wins.
///
/// `#` begins a comment outside quotes, `export` is passed over, `\n` is a line break in double quotes only, and
/// `${NAME}` stands for an earlier line or, through `outer`, the environment, except in single quotes.
pub(super) fn parse(text: &str, outer: Outer) -> Known {
    let mut found = Known::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let at = rest;
        rest = after;
        let entry = line.trim_start();
        let entry = entry.strip_prefix("export ").unwrap_or(entry);
        let Some((key, value)) = entry.split_once('=') else {
            continue;
        };
        let key = key.trim();
        if key.is_empty() || key.starts_with('#') || key.contains(char::is_whitespace) {
            continue;
        }
        let value = value.trim_start_matches([' ', '\t']);
        // A quoted value may go on over lines, so it is looked for in all that is left.
        let value_and_rest = &at[line.len() - value.len()..];
        let value = if let Some((quote, inner, after)) = quoted(value_and_rest) {
            rest = after.split_once('\n').map_or("", |(_, after)| after);
            match quote {
                '"' => expand(&inner.replace("\\n", "\n"), &found, outer),
                '\'' => inner.to_owned(),
                _ => expand(inner, &found, outer),
            }
        } else {
            expand(value.split('#').next().unwrap_or("").trim(), &found, outer)
        };
        found.insert(key.to_owned(), value);
    }
    found
}

/// The quote, what stands in it, and what follows; `None` without a closing quote.
fn quoted(text: &str) -> Option<(char, &str, &str)> {
    let quote = text.chars().next().filter(|ch| matches!(ch, '"' | '\'' | '`'))?;
    let (inner, after) = text[1..].split_once(quote)?;
    Some((quote, inner, after))
}

fn expand(value: &str, known: &Known, outer: Outer) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        let escaped = rest[..at].ends_with('\\');
        out.push_str(rest[..at].trim_end_matches('\\'));
        let after = &rest[at + 1..];
        let (name, used) = if let Some(inner) = after.strip_prefix('{') {
            inner.find('}').map_or(("", 0), |end| (&inner[..end], end + 2))
        } else {
            let is_name = |ch: char| ch.is_ascii_alphanumeric() || ch == '_';
            let end = after.find(|ch| !is_name(ch)).unwrap_or(after.len());
            (&after[..end], end)
        };
        if escaped || name.is_empty() {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, fallback) = name.split_once(":-").unwrap_or((name, ""));
        let value = outer(name).or_else(|| known.get(name).cloned());
        out.push_str(&value.unwrap_or_else(|| fallback.to_owned()));
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_people_write() {
        let text = "# comment\r\nA=1\r\nexport B = \"two words\" # more\nC='a#b ${A}'\nD=x${A}y$B#no\nE=\"l1\nl2\"\nF=last \
                    # c\nbroken\nG=${NONE:-dflt}\nH=p\\$A\n";
        let found = parse(text, &|name| (name == "OUT").then(|| "env".to_owned()));
        let get = |key: &str| found[key].as_str();
        assert_eq!(get("A"), "1");
        assert_eq!(get("B"), "two words");
        assert_eq!(get("C"), "a#b ${A}");
        assert_eq!(get("D"), "x1ytwo words");
        assert_eq!(get("E"), "l1\nl2");
        assert_eq!(get("F"), "last");
        assert_eq!(get("G"), "dflt");
        assert_eq!(get("H"), "p$A");
        assert_eq!(found.len(), 8);
    }
}
