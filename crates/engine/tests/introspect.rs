//! The catalog as it is read from live servers of every major.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nonstop_core::catalog::{
    Catalog, ConstraintKind, Generated, Index, Origin, Relation, RelationKind, Size, TypeDef, Volatility,
};
use nonstop_core::quote::Name;
use nonstop_engine::introspect::{introspect, read_counters};
use std::collections::BTreeSet;
use testkit::{TestDatabase, each_major};

const SCHEMA: &str = r#"
    CREATE SCHEMA shop;
    CREATE SCHEMA nonstop;
    CREATE TABLE nonstop.journal (id int);
    CREATE TEMPORARY TABLE gone (id int);
    CREATE EXTENSION "uuid-ossp";
    CREATE TYPE "Mood" AS ENUM ('sad', 'ok');
    ALTER TYPE "Mood" ADD VALUE 'so-so' BEFORE 'ok';
    CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);
    CREATE DOMAIN tight AS percent;
    CREATE DOMAIN loose AS varchar(20);
    CREATE TYPE pair AS (a int, b text);
    CREATE TYPE span AS RANGE (subtype = int);
    CREATE FUNCTION twice(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * x';
    CREATE FUNCTION twice(x text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN x || x; END';
    CREATE TABLE "Team" (id int PRIMARY KEY, name text NOT NULL, CONSTRAINT "Team_name_key" UNIQUE (name));
    CREATE TABLE shop."Member" (
        id serial PRIMARY KEY,
        "teamId" int REFERENCES "Team" (id),
        mood "Mood" NOT NULL DEFAULT 'ok',
        moods "Mood"[],
        email varchar(50) DEFAULT lower('X'),
        token uuid DEFAULT uuid_generate_v4(),
        number bigint GENERATED ALWAYS AS IDENTITY,
        doubled int GENERATED ALWAYS AS ("teamId" * 2) STORED,
        dropped int,
        rate tight);
    ALTER TABLE shop."Member" ADD CONSTRAINT positive CHECK ("teamId" > 0 AND public.twice("teamId") > 1) NOT VALID;
    ALTER TABLE shop."Member" DROP COLUMN dropped;
    CREATE INDEX "Member_expr" ON shop."Member" (lower(email) DESC, mood) INCLUDE (token) WHERE rate > 3;
    CREATE UNLOGGED TABLE fast (a int);
    CREATE TABLE parts (day date NOT NULL, n int, note text) PARTITION BY RANGE (day, abs(n));
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01', 0) TO ('2025-01-01', 0);
    CREATE TABLE parts_d PARTITION OF parts DEFAULT;
    CREATE INDEX parts_n ON parts (n);
    CREATE TABLE child () INHERITS ("Team");
    CREATE VIEW members AS SELECT m.id, t.name FROM shop."Member" m JOIN "Team" t ON t.id = m."teamId";
    CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM fast;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER t_touch BEFORE UPDATE OF email ON shop."Member" FOR EACH ROW WHEN (NEW.rate > 3)
        EXECUTE FUNCTION touch();
    CREATE POLICY own ON shop."Member" USING ("teamId" = 1);
    CREATE RULE keep AS ON DELETE TO fast DO INSTEAD SELECT name FROM "Team";
"#;

async fn read(database: &TestDatabase) -> Catalog {
    let client = database.connect().await;
    introspect(&client, &["public".to_owned()], 10_000).await.unwrap()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn relation<'a>(catalog: &'a Catalog, schema: &str, name: &str) -> &'a Relation {
    let name = Name::new(schema, name);
    catalog.relation(&name).unwrap_or_else(|| panic!("no {name}"))
}

fn index<'a>(relation: &'a Relation, name: &str) -> &'a Index {
    relation.indexes.iter().find(|index| index.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_and_their_columns() {
    each_major(|database| async move {
        database.run(SCHEMA).await;
        let catalog = read(&database).await;
        assert_eq!(catalog.version.major(), database.major);
        assert_eq!(catalog.schemas, set(&["public", "shop"]));
        assert_eq!(catalog.extensions, set(&["plpgsql", "uuid-ossp"]));
        assert!(
            !catalog
                .relations
                .keys()
                .any(|name| name.schema == "nonstop" || name.name == "gone")
        );
        let kinds: Vec<RelationKind> = ["fast", "parts", "members", "counts"]
            .map(|name| relation(&catalog, "public", name).kind)
            .to_vec();
        assert_eq!(
            kinds,
            [
                RelationKind::Table,
                RelationKind::PartitionedTable,
                RelationKind::View,
                RelationKind::MaterializedView
            ]
        );
        assert!(relation(&catalog, "public", "fast").unlogged);

        let member = relation(&catalog, "shop", "Member");
        assert_eq!(member.origin, Origin::Existing);
        let types: Vec<&str> = member.columns.iter().map(|column| column.type_name.as_str()).collect();
        assert_eq!(
            types,
            [
                "integer",
                "integer",
                "\"Mood\"",
                "\"Mood\"[]",
                "character varying(50)",
                "uuid",
                "bigint",
                "integer",
                "tight"
            ]
        );
        let mood = Some(Name::new("public", "Mood"));
        assert_eq!(member.column("mood").unwrap().user_type, mood);
        assert_eq!(member.column("moods").unwrap().user_type, mood);
        assert_eq!(member.column("email").unwrap().user_type, None);
        assert_eq!(
            member.column("rate").unwrap().user_type,
            Some(Name::new("public", "tight"))
        );
        assert!(member.column("mood").unwrap().not_null);
        assert!(!member.column("email").unwrap().not_null);
        let default = |column: &str| member.column(column).unwrap().default.clone().unwrap();
        assert_eq!(default("id").functions, set(&["nextval"]));
        assert_eq!(default("mood").functions, set(&[]));
        assert_eq!(default("email").functions, set(&["lower"]));
        assert_eq!(default("token").functions, set(&["uuid_generate_v4"]));
        assert_eq!(default("doubled").columns, set(&["teamId"]));
        assert_eq!(member.column("number").unwrap().generated, Generated::Identity);
        assert_eq!(member.column("doubled").unwrap().generated, Generated::Stored);
        let owner = Some((Name::new("shop", "Member"), "id".to_owned()));
        assert_eq!(relation(&catalog, "shop", "Member_id_seq").owned_by, owner);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_and_indexes() {
    each_major(|database| async move {
        database.run(SCHEMA).await;
        let catalog = read(&database).await;
        let member = relation(&catalog, "shop", "Member");
        let positive = member.constraint("positive").unwrap();
        assert!(!positive.valid && positive.enforced && !positive.inherited);
        assert_eq!(positive.columns, ["teamId"]);
        let ConstraintKind::Check(check) = &positive.kind else {
            panic!("{positive:?}")
        };
        assert_eq!(check.columns, set(&["teamId"]));
        assert_eq!(check.functions, set(&["twice"]));
        let key = member.constraint("Member_teamId_fkey").unwrap();
        assert_eq!(
            key.kind,
            ConstraintKind::ForeignKey {
                references: Name::new("public", "Team"),
                columns: vec!["id".to_owned()]
            }
        );
        assert_eq!(catalog.referencing(&Name::new("public", "Team")).count(), 1);
        assert_eq!(
            member.constraint("Member_pkey").unwrap().kind,
            ConstraintKind::PrimaryKey
        );
        let not_null = member
            .constraint("Member_mood_not_null")
            .map(|constraint| constraint.kind.clone());
        assert_eq!(not_null, (database.major >= 18).then_some(ConstraintKind::NotNull));

        let index_of_expression = index(member, "Member_expr");
        assert_eq!(index_of_expression.keys, ["", "mood"]);
        assert_eq!(index_of_expression.include, ["token"]);
        assert_eq!(index_of_expression.method, "btree");
        assert_eq!(index_of_expression.constraint, None);
        assert!(index_of_expression.valid && !index_of_expression.unique);
        let expressions = index_of_expression.expressions.clone().unwrap();
        assert_eq!(
            (expressions.columns, expressions.functions),
            (set(&["email"]), set(&["lower"]))
        );
        assert_eq!(index_of_expression.predicate.clone().unwrap().columns, set(&["rate"]));
        assert!(
            index_of_expression
                .definition
                .starts_with("CREATE INDEX \"Member_expr\" ON shop.\"Member\"")
        );
        let team = relation(&catalog, "public", "Team");
        assert_eq!(
            index(team, "Team_name_key").constraint.as_deref(),
            Some("Team_name_key")
        );
        assert!(index(team, "Team_name_key").unique);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_views_triggers_and_policies() {
    each_major(|database| async move {
        database.run(SCHEMA).await;
        let catalog = read(&database).await;
        let parts = relation(&catalog, "public", "parts");
        let key = parts.partition_key.clone().unwrap();
        assert_eq!((key.columns, key.functions), (set(&["day", "n"]), set(&["abs"])));
        assert_eq!(parts.size, Some(Size { rows: 0, bytes: 0 }));
        let leaf = relation(&catalog, "public", "parts_1");
        assert_eq!(leaf.parents, [Name::new("public", "parts")]);
        assert!(
            leaf.bound
                .as_deref()
                .unwrap()
                .starts_with("FOR VALUES FROM ('2024-01-01', 0)")
        );
        assert_eq!(leaf.indexes[0].parent, Some(Name::new("public", "parts_n")));
        assert_eq!(
            relation(&catalog, "public", "parts_d").bound.as_deref(),
            Some("DEFAULT")
        );
        assert_eq!(
            relation(&catalog, "public", "child").parents,
            [Name::new("public", "Team")]
        );

        let reads = &relation(&catalog, "public", "members").reads;
        assert_eq!(reads[&Name::new("shop", "Member")], set(&["id", "teamId"]));
        assert_eq!(reads[&Name::new("public", "Team")], set(&["id", "name"]));
        let rule = &relation(&catalog, "public", "fast").reads;
        assert_eq!(rule[&Name::new("public", "Team")], set(&["name"]));

        let member = relation(&catalog, "shop", "Member");
        assert_eq!(member.triggers[0].function, Name::new("public", "touch"));
        assert_eq!(member.triggers[0].columns, set(&["email", "rate"]));
        assert_eq!(member.policies[0].columns, set(&["teamId"]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_functions() {
    each_major(|database| async move {
        database.run(SCHEMA).await;
        let catalog = read(&database).await;
        let of = |name: &str| catalog.types[&Name::new("public", name)].clone();
        assert_eq!(
            of("Mood"),
            TypeDef::Enum(["sad", "so-so", "ok"].map(str::to_owned).to_vec())
        );
        let domain = |base: &str, constrained| TypeDef::Domain {
            base: base.to_owned(),
            constrained,
        };
        assert_eq!(of("percent"), domain("integer", true));
        assert_eq!(of("tight"), domain("percent", true));
        assert_eq!(of("loose"), domain("character varying(20)", false));
        assert_eq!((of("pair"), of("span")), (TypeDef::Composite, TypeDef::Other));
        assert!(!catalog.types.contains_key(&Name::new("public", "Team")));

        let twice = &catalog.functions[&Name::new("public", "twice")];
        let known: Vec<_> = twice
            .iter()
            .map(|function| {
                (
                    function.arguments.as_str(),
                    function.volatility,
                    function.language.as_str(),
                )
            })
            .collect();
        assert_eq!(
            known,
            [
                ("x integer", Volatility::Immutable, "sql"),
                ("x text", Volatility::Volatile, "plpgsql")
            ]
        );
        assert_eq!(twice[0].body.as_deref(), Some("SELECT 2 * x"));
        let uuid = &catalog.functions[&Name::new("public", "uuid_generate_v4")][0];
        assert_eq!((uuid.volatility, &uuid.body), (Volatility::Volatile, &None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_newer_major_has() {
    each_major(|database| async move {
        if database.major >= 14 {
            database
                .run("CREATE FUNCTION std(x int) RETURNS int RETURN x + 1")
                .await;
            let catalog = read(&database).await;
            let body = catalog.functions[&Name::new("public", "std")][0].body.clone().unwrap();
            assert_eq!(body, "RETURN (x + 1)");
        }
        if database.major >= 18 {
            database
                .run(
                    "CREATE TABLE v (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL,
                                     CONSTRAINT off CHECK (a > 0) NOT ENFORCED);
                     ALTER TABLE v ADD CONSTRAINT later NOT NULL a NOT VALID",
                )
                .await;
            let catalog = read(&database).await;
            let table = relation(&catalog, "public", "v");
            assert_eq!(table.column("b").unwrap().generated, Generated::Virtual);
            assert!(!table.constraint("off").unwrap().enforced);
            let later = table.constraint("later").unwrap();
            assert!(!later.valid && later.kind == ConstraintKind::NotNull && later.columns == ["a"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_is_proved_without_statistics() {
    each_major(|database| async move {
        database
            .run(
                "CREATE TABLE none (a int);
                 CREATE TABLE few AS SELECT generate_series(1, 10000) AS a;
                 CREATE TABLE more AS SELECT generate_series(1, 10001) AS a;
                 CREATE TABLE many AS SELECT generate_series(1, 300000) AS a;
                 CREATE TABLE wide (a text);
                 ALTER TABLE wide ALTER a SET STORAGE PLAIN;
                 INSERT INTO wide SELECT repeat('x', 7000) FROM generate_series(1, 1500);
                 CREATE TABLE stale AS SELECT generate_series(1, 9000) AS a;
                 ANALYZE stale;
                 INSERT INTO stale SELECT generate_series(1, 9000);
                 CREATE TABLE parts (a int) PARTITION BY HASH (a);
                 CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
                 CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
                 INSERT INTO parts SELECT generate_series(1, 20000);
                 ALTER TABLE none SET (autovacuum_enabled = off)",
            )
            .await;
        let catalog = read(&database).await;
        let size = |name: &str| relation(&catalog, "public", name).size.unwrap();
        assert_eq!(size("none"), Size { rows: 0, bytes: 0 });
        assert_eq!(size("few").rows, 10_000);
        assert!(size("more").rows > 10_000 && size("stale").rows > 10_000 && size("many").rows > 10_000);
        assert!(size("wide").bytes > 8 * 1024 * 1024);
        assert_eq!(size("parts").rows, size("parts_0").rows + size("parts_1").rows);
        assert!(size("parts").rows > 10_000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_is_of_unknown_size_and_nobody_waits() {
    each_major(|database| async move {
        database
            .run(
                "CREATE TABLE held (a int DEFAULT 1 + 1 CHECK (a > 0), b int GENERATED ALWAYS AS (a * 2) STORED);
                 INSERT INTO held SELECT generate_series(1, 5000);
                 CREATE INDEX held_expr ON held (abs(a)) WHERE a > 3;
                 CREATE TABLE parted (a int) PARTITION BY RANGE (abs(a));
                 CREATE VIEW seen AS SELECT a FROM held;
                 CREATE TABLE free (a int)",
            )
            .await;
        let holder = database.connect().await;
        holder
            .batch_execute("BEGIN; LOCK TABLE held, parted IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let catalog = read(&database).await;
        let held = relation(&catalog, "public", "held");
        assert_eq!(held.size, None);
        let locked_away = ["held", "parted"].map(|name| Name::new("public", name));
        assert_eq!(catalog.locked_away, BTreeSet::from(locked_away));
        // What is there is known, only its text is not.
        assert!(held.column("a").unwrap().default.is_some());
        assert_eq!(held.constraint("held_a_check").unwrap().columns, ["a"]);
        assert_eq!(index(held, "held_expr").keys, [""]);
        assert_eq!(
            relation(&catalog, "public", "free").size,
            Some(Size { rows: 0, bytes: 0 })
        );
        holder.batch_execute("ROLLBACK").await.unwrap();
        // The session is as it was: no transaction, no timeout left behind.
        let client = database.connect().await;
        introspect(&client, &["public".to_owned()], 0).await.unwrap();
        let row = client
            .query_one(
                "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')",
                &[],
            )
            .await
            .unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("0", "0"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_read_nothing_still_gets_the_schema() {
    each_major(|database| async move {
        let role = format!("weak_{}", database.name);
        database
            .run(&format!(
                "CREATE TABLE t AS SELECT generate_series(1, 20000) AS a; CREATE ROLE {role}"
            ))
            .await;
        let client = database.connect().await;
        client.batch_execute(&format!("SET ROLE {role}")).await.unwrap();
        let catalog = introspect(&client, &["public".to_owned()], 10_000).await.unwrap();
        let table = relation(&catalog, "public", "t");
        assert_eq!((table.columns.len(), table.size), (1, None));
        database.run(&format!("DROP ROLE {role}")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_sequences_have_counted() {
    each_major(|database| async move {
        let client = database.connect().await;
        let sql =
            "CREATE TABLE t (id serial, n int GENERATED ALWAYS AS IDENTITY); SELECT setval('t_id_seq', 2000000000)";
        client.batch_execute(sql).await.unwrap();
        let mut catalog = read(&database).await;
        let last = |catalog: &Catalog, name: &str| catalog.relation(&Name::new("public", name)).unwrap().last_value;
        assert_eq!(last(&catalog, "t_id_seq"), None);
        read_counters(&client, &mut catalog).await.unwrap();
        assert_eq!(last(&catalog, "t_id_seq"), Some(2_000_000_000));
        assert_eq!(last(&catalog, "t_n_seq"), None);

        // Nobody is waited for.
        let holder = database.connect().await;
        holder
            .batch_execute("BEGIN; ALTER SEQUENCE t_id_seq INCREMENT BY 2")
            .await
            .unwrap();
        let mut catalog = read(&database).await;
        read_counters(&client, &mut catalog).await.unwrap();
        assert_eq!(last(&catalog, "t_id_seq"), None);
        holder.batch_execute("ROLLBACK").await.unwrap();
    })
    .await;
}
