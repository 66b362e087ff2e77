//! What the body of a function says, read once.

use crate::catalog::Function;
use crate::sql::{self, Body};
use std::collections::BTreeSet;
use std::sync::OnceLock;

#[derive(Default)]
struct Reading {
    body: OnceLock<Body>,
    lower: OnceLock<String>,
    words: OnceLock<BTreeSet<String>>,
}

impl Function {
    /// The statements of its body, where it is text.
    pub(super) fn read_body(&self) -> Option<&Body> {
        let text = self.body.as_deref()?;
        let read = || sql::parse_function(&self.language, &self.arguments, &self.returns, text);
        Some(self.kept.get::<Reading>().body.get_or_init(read))
    }

    /// Whether all of these names stand in its body.
    pub fn names<'a>(&self, mut names: impl Iterator<Item = &'a str> + Clone) -> bool {
        let body = self.body.as_deref().unwrap_or_default();
        let reading = self.kept.get::<Reading>();
        // Most bodies name none of it, and need not be taken apart.
        let lower = || body.to_lowercase().replace("\"\"", "\"");
        let lower = reading.lower.get_or_init(lower);
        if !names.clone().all(|name| lower.contains(&name.to_lowercase())) {
            return false;
        }
        let words = || sql::identifiers(body).into_iter().map(|word| word.name);
        let words = reading.words.get_or_init(|| words().collect());
        names.all(|name| words.contains(name))
    }
}
