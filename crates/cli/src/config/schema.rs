//! The JSON Schema of `nonstop.toml`, made from the types that read it, for editors and for whoever checks the file.

use super::{ConfigFile, Secret};
use crate::duration::Span;
use nonstop_core::finding::Category;
use nonstop_core::rules;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The schema, in the draft that editors of TOML know.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<ConfigFile>().to_value();
    without_null(&mut schema);
    schema["title"] = json!("nonstop.toml");
    schema
}

/// TOML has no null: a key is there, or it is not.
fn without_null(value: &mut Value) {
    let is_null = |schema: &Value| *schema == json!({"type": "null"}) || *schema == json!("null");
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_null),
        Value::Object(fields) => {
            fields.remove("default");
            fields.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|one| !is_null(one));
                if let [one] = types.as_slice() {
                    fields["type"] = one.clone();
                }
            }
            if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
                choices.retain(|one| !is_null(one));
                if let [Value::Object(one)] = choices.as_slice() {
                    let one = one.clone();
                    fields.remove("anyOf");
                    fields.extend(one);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number and a unit.",
            "type": "string",
            "pattern": "^([0-9]+ *(ms|s|m|min|h)|0)$",
            "examples": ["200ms", "10s", "5m", "2h"],
        })
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Url".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^postgres(ql)?://"})
    }
}

/// What selects rules: a name, a category, or a set of them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleName;

impl JsonSchema for RuleName {
    fn schema_name() -> Cow<'static, str> {
        "Rule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let rules = rules::ALL.iter().map(|rule| json!(rule.code));
        let categories = [
            Category::Blocking,
            Category::Compat,
            Category::DataLoss,
            Category::Reliability,
            Category::Style,
        ];
        let names: Vec<Value> = rules
            .chain(categories.iter().map(|category| json!(category)))
            .chain([json!("default"), json!("all")])
            .collect();
        json_schema!({"description": "A rule, a category, or a set of rules.", "enum": names})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Result<(), String> {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let value: Value = toml::from_str(text).unwrap();
        validator.validate(&value).map_err(|error| error.to_string())
    }

    /// What the program takes the schema takes, and what it does not the schema does not.
    #[test]
    fn the_schema_agrees_with_the_program() {
        let good = [
            "",
            "dir = 'db'\nlayout = 'prisma'\nmax-block = '100ms'\nsmall-rows = 0\nallow = ['blocking']\nwait = '0'\n",
            "database-url = 'postgresql://u@h/d'\nbreaking = 'refuse'\non-failure = 'keep'\nskip = ['disk']\n",
            "[check]\npg-version = 15\nselect = ['default', 'style']\nfail-on = 'never'\nbaseline = 'b.json'\n",
            "[check.severity]\nmissing-file = 'off'\n[[check.paths]]\nglob = 'a/**'\nignore = ['compat']\n",
        ];
        for text in good {
            assert_eq!(judge(text), Ok(()), "{text}");
            ConfigFile::parse(std::path::Path::new("nonstop.toml"), text).unwrap();
        }
        let bad = [
            "max_block = '1s'\n",
            "max-block = '200'\n",
            "layout = 'rails'\n",
            "[check]\nfail-on = 'sometimes'\n",
            "[[check.paths]]\nignore = []\n",
            "[check.severity]\nmissing-file = 'loud'\n",
        ];
        for text in bad {
            assert!(judge(text).is_err(), "{text}");
            assert!(
                ConfigFile::parse(std::path::Path::new("nonstop.toml"), text).is_err(),
                "{text}"
            );
        }
    }
}
