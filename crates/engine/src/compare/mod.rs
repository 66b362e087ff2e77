//! Two databases compared object by object: the proof of "the same end as written".
//!
//! A snapshot holds facts under the names that people give to objects; oids and whatever else is only physical never
//! enter it. The one physical fact that can be seen, the order of columns, has a name of its own, so that a caller can
//! allow it and nothing else.

/// Grants as a sorted list; none at all means the defaults of that kind of object.
macro_rules! acl {
    ($acl:literal, $kind:literal, $owner:literal) => {
        concat!(
            "(SELECT coalesce(jsonb_agg(item::text ORDER BY item::text), '[]') FROM unnest(coalesce(",
            $acl,
            ", acldefault('",
            $kind,
            "'::\"char\", ",
            $owner,
            "))) AS item)"
        )
    };
}

/// Settings such as `reloptions` as a sorted list.
macro_rules! sorted {
    ($list:literal) => {
        concat!(
            "(SELECT jsonb_agg(item ORDER BY item) FROM unnest(",
            $list,
            ") AS item)"
        )
    };
}

/// The schemas that belong to users; the alias of `pg_namespace` is `n`.
macro_rules! of_users {
    () => {
        r" n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' "
    };
}

mod programs;
mod relations;
mod services;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tokio_postgres::Client;

/// The fact that may differ where a column had to be rebuilt.
pub const COLUMN_ORDER: &str = "column order";
/// The fact that is missing together with its object.
pub const EXISTS: &str = "exists";

/// What one query gives: schema, relation, the object's name, and its facts as a JSON object.
type Query = &'static str;

/// One class of objects, and the majors whose catalog its query fits.
struct Class {
    name: &'static str,
    query: Query,
    from: u32,
    until: u32,
}

impl Class {
    const fn new(name: &'static str, query: Query) -> Self {
        Self {
            name,
            query,
            from: 0,
            until: u32::MAX,
        }
    }

    const fn from(self, major: u32) -> Self {
        Self { from: major, ..self }
    }

    const fn until(self, major: u32) -> Self {
        Self { until: major, ..self }
    }
}

/// All objects of a database, with their facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    objects: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What a snapshot leaves out.
#[derive(Debug, Clone, Default)]
pub struct Except {
    /// Schemas with all that is in them.
    pub schemas: BTreeSet<String>,
    /// Relations by their bare name, with their columns, constraints and indexes.
    pub relations: BTreeSet<String>,
}

impl Except {
    /// What the tools themselves keep in the database: schema `nonstop` and both tools' history tables.
    pub fn history() -> Self {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            schemas: set(&["nonstop"]),
            relations: set(&["_prisma_migrations", "__diesel_schema_migrations"]),
        }
    }
}

/// One fact that two databases do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The object, `column public."Tip".id`.
    pub object: String,
    /// The fact, or [`EXISTS`].
    pub fact: String,
    /// Its value in the first database; `null` where there is none.
    pub left: Value,
    /// Its value in the second.
    pub right: Value,
}

impl Difference {
    /// Whether it is only physical.
    pub fn is_physical(&self) -> bool {
        self.fact == COLUMN_ORDER
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} / {}", self.object, self.fact, self.left, self.right)
    }
}

/// Why a database could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The server said no.
    #[error("cannot read the catalog: {0}")]
    Server(#[from] tokio_postgres::Error),
    /// The server said no to one class of objects.
    #[error("cannot read each {class}: {source}")]
    Class {
        /// The class.
        class: &'static str,
        /// What it said.
        source: tokio_postgres::Error,
    },
    /// A query gives something else than facts.
    #[error("the facts of a {class} are no object")]
    NoFacts {
        /// The class.
        class: &'static str,
    },
    /// Names that are not told apart.
    #[error("two objects are called {name}")]
    Twice {
        /// Their name.
        name: String,
    },
}

/// Reads everything but system schemas and what is excepted. Works inside a transaction too, and then sees its changes.
pub async fn snapshot_except(client: &Client, except: &Except) -> Result<Snapshot, CompareError> {
    // With nothing in the path, names inside definitions are printed with their schema.
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('search_path'),
                    set_config('search_path', '', false)",
            &[],
        )
        .await?;
    let (major, path): (i32, String) = (row.get(0), row.get(1));
    let objects = read(client, except, major.unsigned_abs()).await;
    client
        .query_one("SELECT set_config('search_path', $1, false)", &[&path])
        .await?;
    Ok(Snapshot { objects: objects? })
}

/// Reads everything but system schemas, schema `nonstop` and history tables.
pub async fn snapshot(client: &Client) -> Result<Snapshot, CompareError> {
    snapshot_except(client, &Except::history()).await
}

async fn read(
    client: &Client,
    except: &Except,
    major: u32,
) -> Result<BTreeMap<String, BTreeMap<String, Value>>, CompareError> {
    let mut objects = BTreeMap::new();
    let queries = [relations::ALL, programs::ALL, services::ALL];
    let fitting = queries
        .into_iter()
        .flatten()
        .filter(|class| (class.from..=class.until).contains(&major));
    for Class { name: class, query, .. } in fitting {
        let rows = client
            .query(*query, &[])
            .await
            .map_err(|source| CompareError::Class { class, source })?;
        for row in rows {
            let is_excepted = |at: usize, names: &BTreeSet<String>| {
                row.get::<_, Option<&str>>(at).is_some_and(|name| names.contains(name))
            };
            if is_excepted(0, &except.schemas) || is_excepted(1, &except.relations) {
                continue;
            }
            let Value::Object(facts) = row.get::<_, Value>(3) else {
                return Err(CompareError::NoFacts { class });
            };
            let facts: BTreeMap<String, Value> = facts.into_iter().filter(|(_, value)| !value.is_null()).collect();
            let name = format!("{class} {}", row.get::<_, &str>(2));
            if objects.insert(name.clone(), facts).is_some() {
                return Err(CompareError::Twice { name });
            }
        }
    }
    Ok(objects)
}

/// Where two databases differ, in the order of names; empty when they are equal.
pub fn diff(left: &Snapshot, right: &Snapshot) -> Vec<Difference> {
    let objects: BTreeSet<&String> = left.objects.keys().chain(right.objects.keys()).collect();
    objects
        .into_iter()
        .flat_map(|object| match (left.objects.get(object), right.objects.get(object)) {
            (Some(left), Some(right)) => facts(object, left, right),
            (left, right) => vec![Difference {
                object: object.clone(),
                fact: EXISTS.to_owned(),
                left: left.is_some().into(),
                right: right.is_some().into(),
            }],
        })
        .collect()
}

fn facts(object: &str, left: &BTreeMap<String, Value>, right: &BTreeMap<String, Value>) -> Vec<Difference> {
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let value = |side: &BTreeMap<String, Value>, name: &String| side.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .filter(|name| left.get(*name) != right.get(*name))
        .map(|name| Difference {
            object: object.to_owned(),
            fact: name.clone(),
            left: value(left, name),
            right: value(right, name),
        })
        .collect()
}

impl Snapshot {
    /// How many objects it holds.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether the database holds nothing at all, not even a schema.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// One fact of one object, `column public.t.c`, `type`.
    pub fn fact(&self, object: &str, fact: &str) -> Option<&Value> {
        self.objects.get(object)?.get(fact)
    }

    /// Names of all objects.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }
}
