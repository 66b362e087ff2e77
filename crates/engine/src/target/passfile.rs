//! `.pgpass`: <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use super::{Address, Target};

/// The password of the first line that matches; fields may be `*`, and `\:` and `\\` are escapes.
pub(super) fn lookup(text: &str, target: &Target) -> Option<String> {
    let host = target.hosts.first()?;
    let name = match &host.address {
        Address::Tcp(name) => name.clone(),
        Address::Socket(_) => "localhost".to_owned(),
    };
    let user = target.user.clone()?;
    let database = target.database.clone().unwrap_or_else(|| user.clone());
    let wanted = [name, host.port.to_string(), database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line);
        let password = (fields.len() == 5).then(|| fields.pop())??;
        let matches = |(field, wanted): (&String, &String)| field == "*" || field == wanted;
        fields.iter().zip(&wanted).all(matches).then_some(password)
    })
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(ch) = chars.next() {
        let count = fields.len();
        let field = &mut fields[count - 1];
        match ch {
            '\\' => field.extend(chars.next()),
            ':' if count < 5 => fields.push(String::new()),
            _ => field.push(ch),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_match_wins_and_escapes_are_read() {
        let target = Target::parse("postgresql://anna@db.example.com/shop").unwrap();
        let file = "# a comment\nother:5432:*:*:no\n*:*:shop:anna:a\\:b:c\n*:*:*:*:later\n";
        assert_eq!(lookup(file, &target).as_deref(), Some("a:b:c"));
        assert_eq!(lookup("db.example.com:5433:*:*:x", &target), None);
    }
}
