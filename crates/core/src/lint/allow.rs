//! What a file allows with a reason, and what is wrong with its saying so.

use super::{Place, UnknownRule, about_file};
use crate::date::Date;
use crate::finding::{Finding, Range};
use crate::rule::Rule;
use crate::rules::{self, allow_has_expired, allow_is_not_needed, directive_is_wrong};
use crate::source::Span;
use crate::sql::Directive;

impl Place<'_> {
    /// Takes out what is allowed; an allow that is wrong, over or not needed is itself reported.
    pub(super) fn allow(&self, findings: &mut Vec<Finding>) {
        for directive in &self.script.directives {
            match directive {
                Directive::Allow {
                    rules: names,
                    until,
                    statement,
                    span,
                    ..
                } => {
                    for name in names {
                        let said = self.allow_one(name, *until, *statement, findings);
                        findings.extend(said.map(|(rule, message)| self.about(rule, *statement, *span, message)));
                    }
                }
                Directive::Wrong { error, statement, span } => {
                    let message = sentence(&error.to_string());
                    findings.push(self.about(&directive_is_wrong::RULE, *statement, *span, message));
                }
                Directive::AsWritten { .. } | Directive::BatchSize { .. } => {}
            }
        }
        findings.sort_by_key(|finding| (finding.range.line, finding.range.column));
    }

    fn allow_one(
        &self,
        name: &str,
        until: Option<Date>,
        statement: usize,
        findings: &mut Vec<Finding>,
    ) -> Option<(&'static Rule, String)> {
        let Some(rule) = rules::find(name) else {
            let alike = match UnknownRule::of(name).alike {
                Some(alike) => format!("did you mean `{alike}`?"),
                None => "`nonstop rules` lists them.".to_owned(),
            };
            return Some((&directive_is_wrong::RULE, format!("There is no rule `{name}`: {alike}")));
        };
        let meant = |finding: &Finding| finding.statement == statement && finding.rule == name;
        if !findings.iter().any(meant) {
            // Of a rule that nobody listens to, nobody knows whether it finds anything.
            let heard = self.policy.severity(rule, &self.file.path).is_some();
            let message = format!("`{name}` finds nothing in the statement that this allows it for.");
            return heard.then_some((&allow_is_not_needed::RULE, message));
        }
        match until {
            Some(until) if self.policy.today.is_some_and(|today| today > until) => {
                let message = format!("`{name}` was allowed until {until}, and is found again.");
                Some((&allow_has_expired::RULE, message))
            }
            _ => {
                findings.retain(|finding| !meant(finding));
                None
            }
        }
    }

    fn about(&self, rule: &Rule, statement: usize, span: Span, message: String) -> Finding {
        let range = Range::of(self.file, span);
        Finding {
            statement,
            ..about_file(rule, &self.migration.name, &self.file.path, range, message)
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
