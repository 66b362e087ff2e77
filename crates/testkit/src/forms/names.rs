//! Names as teams give them: plain, of mixed case, in another schema, as long as the server lets them be, and odd.
//!
//! A text of a case holds `$` and a capital letter wherever a name stands, so that each case can have any of these.

/// A way to name things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// `word`.
    Plain,
    /// `"Word Mixed"`.
    Mixed,
    /// `"Other Schema"."select"`.
    Schema,
    /// 63 bytes.
    Long,
    /// Quotes, dots, a percent sign and letters beyond ASCII.
    Odd,
}

impl Naming {
    /// As it is said.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mixed => "mixed",
            Self::Schema => "schema",
            Self::Long => "long",
            Self::Odd => "odd",
        }
    }
}

/// Every way.
pub(super) const NAMINGS: &[Naming] = &[Naming::Plain, Naming::Mixed, Naming::Schema, Naming::Long, Naming::Odd];

/// The schema of [`Naming::Schema`].
const SCHEMA: &str = "\"Other Schema\"";

/// What each letter stands for, and whether it lives in a schema.
const WORDS: &[(char, &str, bool)] = &[
    ('T', "t", true),
    ('C', "c", false),
    ('A', "added", false),
    ('I', "index", false),
    ('J', "index", true),
    ('K', "key", false),
    ('O', "other", true),
    ('L', "child", true),
    ('N', "near", true),
    ('V', "view", true),
    ('W', "stored", true),
    ('P', "low", true),
    ('Q', "high", true),
    ('U', "upper", true),
    ('D', "rest", true),
    ('Y', "apart", true),
    ('X', "heir", true),
    ('F', "fires", true),
    ('G', "noted", true),
    ('E', "kind", true),
    ('M', "measure", true),
    ('S', "numbers", true),
    ('B', "feed", false),
];

/// Names of one case. Those of the table and its column are shared by all parts of a case, the others are each part's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) naming: Naming,
    pub(super) part: usize,
    pub(super) rows: u32,
}

impl Names {
    fn name(self, letter: char) -> String {
        let (_, word, in_schema) = WORDS
            .iter()
            .find(|(known, ..)| *known == letter)
            .unwrap_or_else(|| panic!("no name for ${letter}"));
        let own = matches!(letter, 'A' | 'I' | 'J' | 'K' | 'O' | 'S' | 'Y');
        let word = match self.part {
            part if part > 0 && own => format!("{word}{part}"),
            _ => (*word).to_owned(),
        };
        match self.naming {
            Naming::Mixed => format!("\"{}{} Mixed\"", word[..1].to_uppercase(), &word[1..]),
            // A keyword is a name where it is quoted.
            Naming::Schema if letter == 'C' => "\"select\"".to_owned(),
            Naming::Schema if *in_schema => format!("{SCHEMA}.{word}"),
            Naming::Plain | Naming::Schema => word,
            Naming::Long => format!("{word:_<62}z"),
            Naming::Odd => format!("\"{word}'s \"\"odd\"\" 50% ä.ö\""),
        }
    }

    /// The text with names, `$R` as the number of rows, and `$H` as half of it.
    pub(super) fn fill(self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len() * 2);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letters.peek() {
                Some(&next) if letter == '$' && next.is_ascii_uppercase() => {
                    letters.next();
                    match next {
                        'R' => filled.push_str(&self.rows.to_string()),
                        'H' => filled.push_str(&(self.rows / 2).to_string()),
                        _ => filled.push_str(&self.name(next)),
                    }
                }
                _ => filled.push(letter),
            }
        }
        filled
    }

    /// What must be there before anything else.
    pub(super) fn schema(self) -> String {
        match self.naming {
            Naming::Schema => format!("CREATE SCHEMA {SCHEMA};"),
            Naming::Plain | Naming::Mixed | Naming::Long | Naming::Odd => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_have_sixty_three_bytes_and_parts_their_own() {
        let long = Names {
            naming: Naming::Long,
            part: 1,
            rows: 10,
        };
        assert_eq!(long.fill("$K").len(), 63);
        assert!(long.fill("$K").starts_with("key1_"));
        assert!(long.fill("$T").starts_with("t_"));
        let odd = Names {
            naming: Naming::Odd,
            part: 0,
            rows: 11,
        };
        assert_eq!(
            odd.fill("AS $$ SELECT $H, $C $$"),
            "AS $$ SELECT 5, \"c's \"\"odd\"\" 50% ä.ö\" $$"
        );
    }
}
