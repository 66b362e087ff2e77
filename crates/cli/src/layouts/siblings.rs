//! Names for new migrations that stand directly behind one that is there.
//!
//! Timestamps count on as time: behind 59 seconds comes the next minute. A name must sort behind the first migration and
//! before the one that follows it; where there is no such name, nothing is made up.

use super::{Folder, LayoutChoice};
use jiff::civil::DateTime;
use jiff::{Span, ToSpan};
use nonstop_core::migration::Order;

/// Forms of a timestamp at the front of a name, the longest first; each letter is a digit.
const FORMS: [&str; 6] = [
    "YYYY-MM-DD-hhmmss",
    "YYYYMMDD_hhmmss",
    "YYYYMMDDhhmmss",
    "YYYYMMDD_hhmm",
    "YYYYMMDD-hhmm",
    "YYYYMMDDhhmm",
];

/// There is no room for so many names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no room for {wanted} more between `{name}` and `{next}`: already `{first_too_late}` would run \
     behind it, or have its number. Give `{next}` and what follows it later numbers, as far as they are not applied anywhere"
)]
pub struct NoRoom {
    /// The migration they would stand behind.
    pub name: String,
    /// The one that follows it.
    pub next: String,
    /// How many are wanted.
    pub wanted: usize,
    /// The first that finds no place.
    pub first_too_late: String,
}

/// A number at the front of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp<'a> {
    Time(&'static str, DateTime),
    Number(usize, u128),
    /// There is none: the whole name is kept.
    None(&'a str),
}

/// How a layout orders names.
fn order(layout: LayoutChoice) -> Order {
    match layout {
        LayoutChoice::Prisma => Order::Prisma,
        LayoutChoice::Diesel => Order::Diesel,
        LayoutChoice::Plain | LayoutChoice::BothWays => Order::Number,
        LayoutChoice::Auto | LayoutChoice::Updown => Order::Bytes,
    }
}

/// A name for each title, in their order, directly behind a migration of the folder.
pub fn names_behind(folder: &Folder, name: &str, titles: &[String]) -> Result<Vec<String>, NoRoom> {
    let order = order(folder.layout);
    let mut others: Vec<&str> = folder
        .migrations
        .iter()
        .map(|migration| migration.name.as_str())
        .collect();
    others.sort_by(|a, b| order.compare(a, b));
    let next = others.iter().find(|other| order.compare(other, name).is_gt());
    let (mut stamp, separator) = read(name);
    let mut names: Vec<String> = Vec::new();
    for (at, title) in titles.iter().enumerate() {
        stamp = following(stamp);
        let new = match &stamp {
            Stamp::Time(form, time) => format!("{}{separator}{title}", in_form(form, *time)),
            Stamp::Number(width, number) => format!("{number:0width$}{separator}{title}"),
            Stamp::None(name) => format!("{name}_{:02}_{title}", at + 2),
        };
        let before = names.last().map_or(name, String::as_str);
        let is_behind = order.compare(&new, before).is_gt();
        let is_taken = others
            .iter()
            .any(|other| *other == new || is_number(stamp) && read(other).0 == stamp);
        if !is_behind || is_taken || next.is_some_and(|next| !order.compare(&new, next).is_lt()) {
            return Err(NoRoom {
                name: name.to_owned(),
                next: next.map_or_else(|| "the end".to_owned(), |next| (*next).to_owned()),
                wanted: titles.len(),
                first_too_late: new,
            });
        }
        names.push(new);
    }
    Ok(names)
}

fn is_number(stamp: Stamp<'_>) -> bool {
    !matches!(stamp, Stamp::None(_))
}

/// What stands behind the number of a name.
pub fn title(name: &str) -> &str {
    let rest = match read(name).0 {
        Stamp::Time(form, _) => &name[form.len()..],
        Stamp::Number(width, _) => &name[width..],
        Stamp::None(name) => name,
    };
    rest.trim_start_matches(['_', '-', '.', ' '])
}

/// A name's number, and what stands behind it.
fn read(name: &str) -> (Stamp<'_>, &str) {
    let separator = |length: usize| match name[length..].chars().next() {
        Some(letter @ ('_' | '-' | '.')) => &name[length..length + letter.len_utf8()],
        _ => "_",
    };
    for form in FORMS {
        if let Some(time) = in_time(form, name) {
            return (Stamp::Time(form, time), separator(form.len()));
        }
    }
    let width = name.bytes().take_while(u8::is_ascii_digit).count();
    match name[..width].parse() {
        Ok(number) => (Stamp::Number(width, number), separator(width)),
        Err(_) => (Stamp::None(name), "_"),
    }
}

/// The time at the front of a name, where it has this form and is one.
fn in_time(form: &str, name: &str) -> Option<DateTime> {
    let text = name.get(..form.len())?;
    if name[form.len()..].starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let fits = |(form, letter): (u8, u8)| {
        if form.is_ascii_alphabetic() {
            letter.is_ascii_digit()
        } else {
            form == letter
        }
    };
    if !form.bytes().zip(text.bytes()).all(fits) {
        return None;
    }
    let number = |letter: char| -> i16 {
        let digits = form.chars().zip(text.chars()).filter(|(form, _)| *form == letter);
        digits.fold(0, |number, (_, digit)| {
            number * 10
                + digit
                    .to_digit(10)
                    .and_then(|digit| i16::try_from(digit).ok())
                    .unwrap_or(0)
        })
    };
    let small = |letter: char| i8::try_from(number(letter)).ok();
    let time = DateTime::new(
        number('Y'),
        small('M')?,
        small('D')?,
        small('h')?,
        small('m')?,
        small('s')?,
        0,
    );
    time.ok()
}

fn in_form(form: &str, time: DateTime) -> String {
    let mut pattern = String::new();
    let mut before = ' ';
    for letter in form.chars() {
        if letter != before || !letter.is_ascii_alphabetic() {
            match letter {
                'Y' => pattern.push_str("%Y"),
                'M' => pattern.push_str("%m"),
                'D' => pattern.push_str("%d"),
                'h' => pattern.push_str("%H"),
                'm' => pattern.push_str("%M"),
                's' => pattern.push_str("%S"),
                other => pattern.push(other),
            }
        }
        before = letter;
    }
    time.strftime(&pattern).to_string()
}

fn following(stamp: Stamp<'_>) -> Stamp<'_> {
    match stamp {
        Stamp::Time(form, time) => {
            let step: Span = if form.contains('s') { 1.second() } else { 1.minute() };
            // At the end of time there is no room either.
            Stamp::Time(form, time.checked_add(step).unwrap_or(time))
        }
        Stamp::Number(width, number) => Stamp::Number(width, number.saturating_add(1)),
        Stamp::None(name) => Stamp::None(name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::super::{LayoutChoice, read_tree};
    use super::*;

    fn behind(names: &[&str], name: &str, count: usize) -> Result<Vec<String>, NoRoom> {
        let files: Vec<(String, &str)> = names.iter().map(|name| (format!("{name}/migration.sql"), "")).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let folder = read_tree(&tree(&files), LayoutChoice::Prisma).unwrap();
        let titles: Vec<String> = (0..count).map(|at| format!("t{at}")).collect();
        names_behind(&folder, name, &titles)
    }

    #[test]
    fn seconds_minutes_and_years_roll_over() {
        let names = behind(&["20241231235958_a"], "20241231235958_a", 3).unwrap();
        assert_eq!(names, ["20241231235959_t0", "20250101000000_t1", "20250101000001_t2"]);
        let names = behind(&["20240228235959_a"], "20240228235959_a", 1).unwrap();
        assert_eq!(names, ["20240229000000_t0"]);
    }

    #[test]
    fn other_numbers_count_on_too() {
        assert_eq!(behind(&["1_a"], "1_a", 2).unwrap(), ["2_t0", "3_t1"]);
        assert_eq!(behind(&["0009-a"], "0009-a", 1).unwrap(), ["0010-t0"]);
        assert_eq!(
            behind(&["20240520_1259_a"], "20240520_1259_a", 1).unwrap(),
            ["20240520_1300_t0"]
        );
        // Not a time: the 61st second.
        assert_eq!(
            behind(&["20240101000061_a"], "20240101000061_a", 1).unwrap(),
            ["20240101000062_t0"]
        );
        assert_eq!(behind(&["init"], "init", 1).unwrap(), ["init_02_t0"]);
    }

    #[test]
    fn without_room_nothing_is_made_up() {
        let names = ["20240101000000_a", "20240101000002_b"];
        assert_eq!(behind(&names, names[0], 1).unwrap(), ["20240101000001_t0"]);
        let error = behind(&names, names[0], 2).unwrap_err();
        assert_eq!(error.next, names[1]);
        assert_eq!(error.first_too_late, "20240101000002_t1");
        assert!(behind(&["20240101000000_a", "20240101000000_b"], "20240101000000_a", 1).is_err());
        assert!(behind(&["9_a"], "9_a", 1).is_err(), "10 sorts before 9");
    }

    #[test]
    fn titles_stand_behind_numbers() {
        assert_eq!(title("20260122190000_add_v2_tables"), "add_v2_tables");
        assert_eq!(title("2017-09-23-182408_b"), "b");
        assert_eq!(title("init"), "init");
    }
}
