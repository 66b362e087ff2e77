//! The literal parts of a Prisma config or schema file.
//!
//! A config file is a program, and is never run. What stands in it as a plain string, `env("X")` or `process.env.X` is read;
//! everything else is reported as not literal.

/// A piece of a program text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word or number.
    Word(String),
    /// A string, without its quotes.
    Text(String),
    /// A template with substitutions, or a string that does not end.
    Opaque,
    /// Any other character.
    Mark(char),
}

/// A value of an object literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// `{ … }`.
    Object(Vec<(String, Value)>),
    /// Anything else.
    Tokens(Vec<Token>),
}

/// A value that needs no program to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    /// A string.
    Text(String),
    /// An environment variable.
    Env(String),
    /// The first of these that is set: `process.env.A ?? "b"`.
    FirstOf(Vec<Literal>),
}

impl Value {
    /// The value at a path of keys.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Value> {
        let Some((key, rest)) = path.split_first() else {
            return Some(self);
        };
        match self {
            Self::Object(fields) => fields.iter().find(|(name, _)| name == key)?.1.get(rest),
            Self::Tokens(_) => None,
        }
    }
}

/// Cuts a text into tokens; comments are left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&ch) = chars.get(at) {
        match (ch, chars.get(at + 1)) {
            ('/', Some('/')) => at = position(&chars, at, |rest| rest[0] == '\n'),
            ('/', Some('*')) => at = position(&chars, at + 2, |rest| rest.starts_with(&['*', '/'])) + 2,
            ('"' | '\'' | '`', _) => {
                let (token, end) = string(&chars, at);
                found.push(token);
                at = end;
            }
            _ if ch.is_whitespace() || ch == '\u{feff}' => at += 1,
            _ if is_word(ch) => {
                let end = position(&chars, at, |rest| !is_word(rest[0]));
                found.push(Token::Word(chars[at..end].iter().collect()));
                at = end;
            }
            _ => {
                found.push(Token::Mark(ch));
                at += 1;
            }
        }
    }
    found
}

fn is_word(ch: char) -> bool {
    ch.is_alphanumeric() || matches!(ch, '_' | '$')
}

fn position(chars: &[char], from: usize, found: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len())
        .find(|at| found(&chars[*at..]))
        .unwrap_or(chars.len())
}

fn string(chars: &[char], start: usize) -> (Token, usize) {
    let quote = chars[start];
    let mut text = String::new();
    let mut at = start + 1;
    let mut opaque = false;
    while let Some(&ch) = chars.get(at) {
        match ch {
            _ if ch == quote => {
                let token = if opaque { Token::Opaque } else { Token::Text(text) };
                return (token, at + 1);
            }
            '\\' => {
                match chars.get(at + 1) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('u' | 'x') => opaque = true,
                    Some(other) => text.push(*other),
                    None => {}
                }
                at += 1;
            }
            '$' if quote == '`' && chars.get(at + 1) == Some(&'{') => opaque = true,
            '\n' if quote != '`' => return (Token::Opaque, at),
            _ => text.push(ch),
        }
        at += 1;
    }
    (Token::Opaque, at)
}

/// The object that a config file exports.
pub(super) fn exported(tokens: &[Token]) -> Option<Value> {
    let word = |at: usize, text: &str| matches!(tokens.get(at), Some(Token::Word(word)) if word == text);
    let mark = |at: usize, ch: char| tokens.get(at) == Some(&Token::Mark(ch));
    for at in 0..tokens.len() {
        let starts = (word(at, "defineConfig") && mark(at + 1, '('))
            || (word(at, "export") && word(at + 1, "default"))
            || (word(at, "exports") && mark(at + 1, '='));
        if !starts {
            continue;
        }
        let value = at + 2;
        if mark(value, '{') {
            return Some(object(tokens, value + 1).0);
        }
        if let Some(Token::Word(name)) = tokens.get(value)
            && let Some(start) = declared(tokens, name)
        {
            return Some(object(tokens, start).0);
        }
    }
    None
}

/// Where the object begins in `const NAME = {` or `const NAME: Type = {`.
fn declared(tokens: &[Token], name: &str) -> Option<usize> {
    let is = |token: Option<&Token>, text: &str| matches!(token, Some(Token::Word(word)) if word == text);
    (1..tokens.len()).find_map(|at| {
        let keyword = ["const", "let", "var"].iter().any(|word| is(tokens.get(at - 1), word));
        if !keyword || !is(tokens.get(at), name) {
            return None;
        }
        let equals = (at..tokens.len().min(at + 12)).find(|at| tokens[*at] == Token::Mark('='))?;
        (tokens.get(equals + 1) == Some(&Token::Mark('{'))).then_some(equals + 2)
    })
}

/// Reads fields up to the closing brace; gives the place behind it.
fn object(tokens: &[Token], mut at: usize) -> (Value, usize) {
    let mut fields = Vec::new();
    while let Some(token) = tokens.get(at) {
        let key = match token {
            Token::Mark('}') => return (Value::Object(fields), at + 1),
            Token::Mark(',') => {
                at += 1;
                continue;
            }
            Token::Word(name) | Token::Text(name) if tokens.get(at + 1) == Some(&Token::Mark(':')) => name.clone(),
            _ => {
                at = end_of_value(tokens, at);
                continue;
            }
        };
        let start = at + 2;
        let end = end_of_value(tokens, start);
        let value = match tokens.get(start) {
            Some(Token::Mark('{')) => object(tokens, start + 1).0,
            _ => Value::Tokens(tokens[start..end].to_vec()),
        };
        fields.push((key, value));
        at = end;
    }
    (Value::Object(fields), at)
}

/// The comma or closing bracket that ends a value.
fn end_of_value(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Mark('{' | '(' | '[') => depth += 1,
            Token::Mark('}' | ')' | ']' | ',') if depth == 0 => return at,
            Token::Mark('}' | ')' | ']') => depth -= 1,
            Token::Mark(_) | Token::Word(_) | Token::Text(_) | Token::Opaque => {}
        }
    }
    tokens.len()
}

/// What a value says without running anything; `None` where it is a program.
pub(super) fn literal(tokens: &[Token]) -> Option<Literal> {
    let (first, rest) = first_literal(tokens)?;
    match rest {
        [] | [Token::Mark('!')] => Some(first),
        [Token::Word(word), ..] if word == "as" || word == "satisfies" => Some(first),
        [Token::Mark('?'), Token::Mark('?'), rest @ ..] | [Token::Mark('|'), Token::Mark('|'), rest @ ..] => {
            match literal(rest)? {
                Literal::FirstOf(mut more) => {
                    more.insert(0, first);
                    Some(Literal::FirstOf(more))
                }
                other => Some(Literal::FirstOf(vec![first, other])),
            }
        }
        _ => None,
    }
}

fn first_literal(tokens: &[Token]) -> Option<(Literal, &[Token])> {
    use Token::{Mark, Text, Word};
    match tokens {
        [Text(text), rest @ ..] => Some((Literal::Text(text.clone()), rest)),
        [Word(process), Mark('.'), Word(env), Mark('.'), Word(name), rest @ ..]
        | [
            Word(process),
            Mark('.'),
            Word(env),
            Mark('['),
            Text(name),
            Mark(']'),
            rest @ ..,
        ] if process == "process" && env == "env" => Some((Literal::Env(name.clone()), rest)),
        [Word(env), Mark('('), Text(name), Mark(')'), rest @ ..]
        | [
            Word(env),
            Mark('<'),
            Word(_),
            Mark('>'),
            Mark('('),
            Text(name),
            Mark(')'),
            rest @ ..,
        ] if env == "env" => Some((Literal::Env(name.clone()), rest)),
        [Word(path), Mark('.'), Word(join), Mark('('), rest @ ..]
            if path == "path" && (join == "join" || join == "resolve") =>
        {
            joined(rest)
        }
        _ => None,
    }
}

/// `path.join("prisma", "migrations")`.
fn joined(mut tokens: &[Token]) -> Option<(Literal, &[Token])> {
    let mut parts = Vec::new();
    loop {
        match tokens {
            [Token::Text(part), rest @ ..] => {
                parts.push(part.as_str());
                tokens = rest;
            }
            [Token::Mark(','), rest @ ..] => tokens = rest,
            [Token::Mark(')'), rest @ ..] => return Some((Literal::Text(parts.join("/")), rest)),
            _ => return None,
        }
    }
}

/// Values of the `datasource` block of a Prisma schema: key and literal, `None` where it is neither string nor `env()`.
pub(super) fn datasource(schema: &str) -> Option<Vec<(String, Option<Literal>)>> {
    let tokens = tokens(schema);
    let start = tokens.windows(3).position(
        |three| matches!(three, [Token::Word(word), Token::Word(_), Token::Mark('{')] if word == "datasource"),
    )?;
    let block: Vec<Token> = tokens[start + 3..]
        .iter()
        .take_while(|token| **token != Token::Mark('}'))
        .cloned()
        .collect();
    let starts: Vec<usize> = (0..block.len())
        .filter(|at| matches!(&block[*at..], [Token::Word(_), Token::Mark('='), ..]))
        .collect();
    let ends = starts.iter().copied().skip(1).chain([block.len()]);
    let fields = starts.iter().zip(ends).filter_map(|(start, end)| match &block[*start] {
        Token::Word(key) => Some((key.clone(), literal(&block[start + 2..end]))),
        Token::Text(_) | Token::Opaque | Token::Mark(_) => None,
    });
    Some(fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(program: &str) -> Option<Literal> {
        match exported(&tokens(program))?.get(&["datasource", "url"])? {
            Value::Tokens(tokens) => literal(tokens),
            Value::Object(_) => None,
        }
    }

    fn named(name: &str) -> Literal {
        Literal::Env(name.to_owned())
    }

    #[test]
    fn config_files() {
        let around = |value: &str| {
            url(&format!(
                "import 'dotenv/config'; import {{ defineConfig, env }} from \"prisma/config\"\n// url: 'no'\nexport default \
                 defineConfig({{ schema: path.join('prisma', 'schema.prisma'), migrations: {{ path: 'm', seed: `x ${{y}}` }}, \
                 async adapter() {{ return {{ datasource: {{ url: 1 }} }} }}, datasource: {{ url: {value}, }} }})"
            ))
        };
        assert_eq!(around("env('A')"), Some(named("A")));
        assert_eq!(around("env<Env>('A')"), Some(named("A")));
        assert_eq!(around("process.env.A!"), Some(named("A")));
        assert_eq!(around("process.env['A']"), Some(named("A")));
        assert_eq!(around("process.env.A as string"), Some(named("A")));
        assert_eq!(
            around("\"postgres://x\""),
            Some(Literal::Text("postgres://x".to_owned()))
        );
        assert_eq!(
            around("process.env.A ?? process.env.B ?? ''"),
            Some(Literal::FirstOf(vec![
                Literal::Env("A".to_owned()),
                Literal::Env("B".to_owned()),
                Literal::Text(String::new())
            ]))
        );
        assert_eq!(around("getUrl()"), None);
        assert_eq!(around("`postgres://${host}`"), None);
    }

    #[test]
    fn other_ways_to_export() {
        assert_eq!(
            url("export default { datasource: { url: env('A') } } satisfies PrismaConfig"),
            Some(named("A"))
        );
        assert_eq!(
            url("module.exports = { datasource: { url: env('A') } }"),
            Some(named("A"))
        );
        assert_eq!(
            url("const config: PrismaConfig = { 'datasource': { url: env('A') } }\nexport default config"),
            Some(named("A"))
        );
        assert_eq!(
            url("const c = { datasource: { url: env('A') } }; export default defineConfig(c)"),
            Some(named("A"))
        );
        assert_eq!(url("export default make()"), None);
    }

    #[test]
    fn schemas() {
        let found = datasource(
            "// datasource old { url = \"no\" }\ngenerator client { provider = \"x\" }\ndatasource db {\n  provider = \
             \"postgresql\" // kind\n  url = env(\"DATABASE_URL\")\n  directUrl=\"postgres://a//b\"\n  schemas = [\"a\"]\n}",
        )
        .unwrap();
        assert_eq!(
            found[0],
            ("provider".to_owned(), Some(Literal::Text("postgresql".to_owned())))
        );
        assert_eq!(found[1], ("url".to_owned(), Some(named("DATABASE_URL"))));
        assert_eq!(
            found[2],
            (
                "directUrl".to_owned(),
                Some(Literal::Text("postgres://a//b".to_owned()))
            )
        );
        assert_eq!(found[3], ("schemas".to_owned(), None));
        assert_eq!(datasource("model A { id Int }"), None);
    }
}
