//! What real histories do that no manual shows.

use super::*;

/// What the last of several files does: `relation MODE`, work, SQLSTATE.
fn said(files: &[&str]) -> Vec<String> {
    let mut known = Knowledge::new(Catalog::empty(ServerVersion::of_major(15)), true, 0);
    let mut last = Vec::new();
    for text in files {
        let migration = Migration {
            name: "m".to_owned(),
            up: Some(SourceFile::new("m.sql", *text)),
            path: "m.sql".to_owned(),
            down: None,
            transaction: TransactionModel::Message,
        };
        let file = SourceFile::new("m.sql", *text);
        let script = sql::parse(&file).unwrap();
        let judged = lint(&migration, &file, &script, &mut known, &Policy::default(), Wanted::ALL);
        known.catalog.settle();
        known.catalog.forget_sizes();
        last = judged.effects.into_iter().flat_map(|one| shown(&one.effect)).collect();
    }
    last
}

fn shown(effect: &Effect) -> Vec<String> {
    let locks = effect.locks.iter().filter(|lock| lock.existing);
    let mut all: Vec<String> = locks
        .map(|lock| format!("{} {}", lock.relation.name, lock.mode))
        .collect();
    all.extend(
        effect
            .work
            .iter()
            .map(|one| format!("{:?} of {}", one.work, one.relation.name)),
    );
    all.extend(effect.error.iter().map(|error| error.sqlstate.to_owned()));
    all
}

const TABLES: &str = "create table t (id int primary key, a varchar(20)); create table u (id int);
    create materialized view m as select id from u; create unique index on m (id);";

#[test]
fn an_index_is_judged_by_what_the_planner_makes_of_a_function() {
    let make = |body: &str| format!("create function f(text) returns text language sql as $$ select {body} $$");
    let index = "create index on t (f(a))";
    let built = ["t SHARE", "IndexBuild of t"];
    assert_eq!(said(&[TABLES, &make("replace(lower($1), '-', '_')"), index]), built);
    assert_eq!(said(&[TABLES, &make("concat($1, 'x')"), index]), ["42P17"]);
    let altered = make("concat($1, 'x')") + "; alter function f(text) immutable";
    assert_eq!(said(&[TABLES, &altered, index]), built);
}

#[test]
fn triggers_do_what_their_functions_say() {
    let trigger = "create function of_t() returns trigger language plpgsql as
        $$ begin new.a := upper(new.a); refresh materialized view m; insert into u values (new.id); return new; end $$;
        create trigger k before update on t for each row execute function of_t()";
    assert_eq!(
        said(&[TABLES, trigger, "update t set a = 'x' where id = 1"]),
        [
            "t ROW EXCLUSIVE",
            "u ACCESS SHARE",
            "m EXCLUSIVE",
            "m ACCESS EXCLUSIVE",
            "m SHARE",
            "m ACCESS SHARE",
            "u ROW EXCLUSIVE",
            "Rewrite of m"
        ]
    );
    assert_eq!(
        said(&[TABLES, trigger, "insert into t values (1)"]),
        ["t ROW EXCLUSIVE"]
    );
    assert_eq!(said(&[TABLES, "drop trigger if exists k on t"]), [""; 0]);
    let dropped = ["t ACCESS SHARE", "t ACCESS EXCLUSIVE"];
    assert_eq!(said(&[TABLES, trigger, "drop trigger if exists k on t"]), dropped);
}

#[test]
fn what_a_block_looks_for_first_is_known() {
    let block = |length: u32| {
        format!(
            "do $$ declare differs boolean := false; begin
               select count(*) != 0 into differs from information_schema.columns
                 where table_name = 't' and column_name = 'a' and character_maximum_length != {length};
               if differs then alter table t alter a type varchar({length}); end if;
             end $$"
        )
    };
    assert_eq!(said(&[TABLES, &block(20)]), [""; 0]);
    let rewritten = said(&[TABLES, &block(10)]);
    assert!(rewritten.contains(&"Rewrite of t".to_owned()), "{rewritten:?}");
    let drop = "do $$ declare there boolean; begin
        there := exists (select from information_schema.columns where table_name = 't' and column_name = 'b');
        if not there then return; end if;
        alter table t drop column b; end $$";
    assert_eq!(said(&[TABLES, drop]), [""; 0]);
}

#[test]
fn a_function_in_sql_is_read_when_it_is_made() {
    let make = "create function f(int) returns int language sql as $$ select id from u where id = $1 $$";
    assert_eq!(said(&[TABLES, make]), ["u ACCESS SHARE"]);
}

#[test]
fn a_composite_type_is_a_relation() {
    assert_eq!(
        said(&["create type c as (a int)", "drop type c"]),
        ["c ACCESS EXCLUSIVE"]
    );
}

#[test]
fn what_fails_holds_nothing() {
    let view = "create view v as select a from t";
    assert_eq!(
        said(&[TABLES, view, "alter table t alter a type varchar(10)"]),
        ["0A000"]
    );
}

#[test]
fn a_table_that_was_filled_takes_no_required_column() {
    let add = "alter table t add column n int not null";
    assert_eq!(said(&[TABLES, "insert into t values (1)", add]), ["23502"]);
    for text in [
        "insert into t values (1); delete from t",
        "do $$ begin if (select count(*) from u) = 0 then insert into t values (1); end if; end $$",
        "insert into t select id from u",
    ] {
        assert_eq!(
            said(&[TABLES, text, add]),
            ["t ACCESS EXCLUSIVE", "Scan of t"],
            "{text}"
        );
    }
}
