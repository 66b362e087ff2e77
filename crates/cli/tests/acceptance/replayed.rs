//! The catalog replayed from the files of real histories against the one that the server has in the end.
//!
//! Compared is what decides an effect, object by object. Texts are not: the server prints them in its own words.

use crate::support::{corpus, oldest_and_newest};
use nonstop::layouts::{Folder, LayoutChoice};
use nonstop_core::catalog::{Catalog, Constraint, ConstraintKind, Expression, Function, Index, Relation};
use nonstop_core::lint::Knowledge;
use nonstop_core::migration::TransactionModel;
use nonstop_core::quote::Name;
use nonstop_core::source::SourceFile;
use nonstop_core::sql::parse;
use nonstop_core::version::ServerVersion;
use nonstop_engine::introspect::introspect;
use std::collections::{BTreeMap, BTreeSet};
use testkit::TestDatabase;
use testkit::as_written::{AfterFailure, Tool, apply};
use tokio_postgres::Client;

/// Facts by the object they are about, in the words of this test.
type Facts = BTreeMap<String, String>;

/// Objects of extensions, which no migration makes.
async fn of_extensions(client: &Client) -> BTreeSet<String> {
    let rows = client
        .query(
            "SELECT n.nspname || '.' || p.proname FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
             JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
             UNION SELECT n.nspname || '.' || t.typname FROM pg_depend d JOIN pg_type t ON t.oid = d.objid
             JOIN pg_namespace n ON n.oid = t.typnamespace
             WHERE d.classid = 'pg_type'::regclass AND d.deptype = 'e'",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn uses(expression: Option<&Expression>, own: &Relation) -> String {
    let Some(expression) = expression else {
        return "none".to_owned();
    };
    let columns = expression.columns.iter().filter(|name| own.column(name).is_some());
    format!("uses {:?} calls {:?}", columns.collect::<Vec<_>>(), called(expression))
}

/// The server prints casts as `::` and drops needless qualifiers; what remains is the last part of each name.
fn called(expression: &Expression) -> BTreeSet<String> {
    let last = |name: &String| name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let all = expression.functions.iter().map(last);
    all.filter(|name| !matches!(name.as_str(), "coalesce" | "current_timestamp" | "current_date"))
        .collect()
}

fn constraint_facts(constraint: &Constraint, own: &Relation) -> String {
    let Constraint {
        columns,
        valid,
        enforced,
        inherited,
        ..
    } = constraint;
    let kind = match &constraint.kind {
        ConstraintKind::Check(expression) => format!("check {}", uses(Some(expression), own)),
        other => format!("{other:?} {columns:?}"),
    };
    format!("{kind} valid={valid} enforced={enforced} inherited={inherited}")
}

fn index_facts(index: &Index, own: &Relation) -> String {
    let Index {
        method,
        keys,
        include,
        unique,
        valid,
        nulls_not_distinct,
        constraint,
        parent,
        ..
    } = index;
    format!(
        "{method} {keys:?} include {include:?} unique={unique} valid={valid} nulls_not_distinct={nulls_not_distinct} \
         constraint={constraint:?} parent={parent:?} keys {} where {}",
        uses(index.expressions.as_ref(), own),
        uses(index.predicate.as_ref(), own)
    )
}

fn relation_facts(name: &Name, relation: &Relation, facts: &mut Facts) {
    let mut add = |what: String, fact: String| {
        facts.insert(format!("{name} {what}"), fact);
    };
    let Relation {
        kind,
        unlogged,
        parents,
        owned_by,
        ..
    } = relation;
    let bound = relation
        .bound
        .as_deref()
        .map(|bound| if bound == "DEFAULT" { "default" } else { "range" });
    let key = uses(relation.partition_key.as_ref(), relation);
    add(
        String::new(),
        format!("{kind:?} unlogged={unlogged} parents={parents:?} bound={bound:?} key={key} owner={owned_by:?}"),
    );
    for (at, column) in relation.columns.iter().enumerate() {
        let default = column.default.as_ref().map(|default| uses(Some(default), relation));
        let type_name = &column.type_name;
        let fact = format!(
            "{at} {type_name} user={:?} not_null={} default={default:?} {:?}",
            column.user_type, column.not_null, column.generated
        );
        add(format!("column {}", column.name), fact);
    }
    for constraint in &relation.constraints {
        add(
            format!("constraint {}", constraint.name),
            constraint_facts(constraint, relation),
        );
    }
    for index in &relation.indexes {
        add(format!("index {}", index.name), index_facts(index, relation));
    }
    for trigger in &relation.triggers {
        add(
            format!("trigger {}", trigger.name),
            format!("{} {:?}", trigger.function, trigger.columns),
        );
    }
    for policy in &relation.policies {
        add(format!("policy {}", policy.name), format!("{:?}", policy.columns));
    }
    for (read, columns) in &relation.reads {
        add(format!("reads {read}"), format!("{columns:?}"));
    }
}

fn function_facts(function: &Function) -> String {
    let body = function.body.as_deref().map(str::trim);
    format!("{:?} {} {body:?}", function.volatility, function.language)
}

fn facts(catalog: &Catalog, left_out: &BTreeSet<String>) -> Facts {
    let mut facts = Facts::new();
    for (name, relation) in &catalog.relations {
        relation_facts(name, relation, &mut facts);
    }
    for (name, definition) in catalog
        .types
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.to_string()) && !name.name.ends_with("_multirange"))
    {
        facts.insert(format!("type {name}"), format!("{definition:?}"));
    }
    for (name, overloads) in catalog
        .functions
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.to_string()))
    {
        // A range brings its constructors, and from 14 a multirange.
        for function in overloads.iter().filter(|function| function.language != "internal") {
            facts.insert(
                format!("function {name}({})", function.arguments),
                function_facts(function),
            );
        }
    }
    facts.insert("schemas".to_owned(), format!("{:?}", catalog.schemas));
    facts.insert("extensions".to_owned(), format!("{:?}", catalog.extensions));
    facts
}

async fn live(folder: &Folder, database: &TestDatabase) -> (Catalog, BTreeSet<String>) {
    let tool = if folder.layout == LayoutChoice::Prisma {
        Tool::Prisma
    } else {
        Tool::Diesel
    };
    let client = database.connect().await;
    let outcome = apply(&client, &folder.migrations, tool, AfterFailure::Continue)
        .await
        .unwrap();
    assert_eq!(outcome.failed.len(), 0, "{:?}", outcome.failed);
    let client = database.connect().await;
    let catalog = introspect(&client, &["public".to_owned()], 0).await.unwrap();
    (catalog, of_extensions(&client).await)
}

/// An empty database.
fn before(major: u32) -> Knowledge {
    let mut catalog = Catalog::empty(ServerVersion::of_major(major));
    catalog.extensions.insert("plpgsql".to_owned());
    Knowledge::new(catalog, true, 0)
}

fn replayed(folder: &Folder, major: u32) -> Knowledge {
    let mut known = before(major);
    for migration in &folder.migrations {
        let script = parse(migration.up.as_ref().unwrap()).unwrap();
        known.pass(migration.transaction, &script);
        known.catalog.settle();
    }
    known
}

/// Fails with every fact in which the two differ.
fn assert_equal(what: &str, server: &Facts, files: &Facts) {
    let mut differences = Vec::new();
    for fact in server.keys().chain(files.keys()).collect::<BTreeSet<_>>() {
        let (server, files) = (server.get(fact), files.get(fact));
        if server != files {
            differences.push(format!("{fact}\n  server {server:?}\n  files  {files:?}"));
        }
    }
    let (count, of) = (differences.len(), server.len());
    assert_eq!(count, 0, "{what}, of {of} facts:\n{}", differences.join("\n"));
}

async fn is_replayed(name: &str) {
    let Some(folder) = corpus(name) else { return };
    for major in oldest_and_newest() {
        let database = testkit::database(major).await;
        let (live, left_out) = live(&folder, &database).await;
        let replayed = replayed(&folder, major);
        let what = format!("{name} on PostgreSQL {major}");
        assert_equal(&what, &facts(&live, &left_out), &facts(&replayed.catalog, &left_out));
    }
}

/// Every kind of change once, on every major.
#[tokio::test(flavor = "multi_thread")]
async fn a_zoo_of_statements() {
    testkit::each_major(|database| async move {
        let script = parse(&SourceFile::new("zoo.sql", include_str!("replayed/zoo.sql"))).unwrap();
        let client = database.connect().await;
        for statement in &script.statements {
            let ran = client.batch_execute(statement.sql.as_str()).await;
            ran.unwrap_or_else(|error| panic!("{error:?}: {}", statement.sql));
        }
        let reader = database.connect().await;
        let live = introspect(&reader, &["public".to_owned()], 0).await.unwrap();
        let left_out = of_extensions(&reader).await;
        let mut known = before(database.major);
        known.pass(TransactionModel::PerStatement, &script);
        let what = format!("the zoo on PostgreSQL {}", database.major);
        assert_equal(&what, &facts(&live, &left_out), &facts(&known.catalog, &left_out));
        assert!(known.is_complete);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn langfuse() {
    is_replayed("langfuse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trigger_dev() {
    is_replayed("trigger.dev").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crates_io() {
    is_replayed("crates-io").await;
}
