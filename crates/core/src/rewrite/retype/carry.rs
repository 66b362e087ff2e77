//! What of a column only its server knows: comments, grants, statistics targets, the clustering index, the state of an identity's
//! sequence. The server carries it over by itself, inside the swap.

use super::Shadow;
use super::shadow::quoted;
use crate::catalog::ConstraintKind;
use crate::quote::{Literal, SqlText};
use crate::sql;

fn block(body: &SqlText) -> SqlText {
    sql!("DO {}", Literal(body.as_str()))
}

/// A session that has run a PL/pgSQL function for a trigger keeps it compiled for the old type: each of its writes would fail with
/// "type of parameter … does not match that when preparing the plan" until it ends. A new row of the function in `pg_proc`
/// makes every session compile it again (`plpgsql_compile` compares its xmin and ctid).
fn compiled_anew(table: &SqlText) -> SqlText {
    sql!(
        "FOR own IN SELECT DISTINCT p.oid::pg_catalog.regprocedure AS name, p.procost AS cost FROM pg_catalog.pg_trigger t \
         JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
         WHERE t.tgrelid = {}::pg_catalog.regclass AND l.lanname = 'plpgsql' AND pg_catalog.pg_has_role(p.proowner, 'USAGE') \
         LOOP EXECUTE pg_catalog.format('ALTER FUNCTION %s COST %s', own.name, own.cost); END LOOP;",
        Literal(table.as_str())
    )
}

impl Shadow<'_> {
    /// From the old column and what is over it to the new ones, while both are there.
    pub(super) fn carry(&self) -> SqlText {
        let table = quoted(self.change.table);
        let mut body = sql!(
            "DECLARE own record; given record; BEGIN \
             SELECT o.attstattarget, o.attoptions, o.attacl, pg_catalog.col_description(o.attrelid, o.attnum) AS comment INTO own FROM pg_catalog.pg_attribute o \
             WHERE o.attrelid = {}::pg_catalog.regclass AND o.attname = {}; \
             IF own.comment IS NOT NULL THEN EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', {}, {}, own.comment); END IF; \
             IF own.attstattarget >= 0 THEN EXECUTE pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', {}, {}, own.attstattarget); END IF; \
             IF own.attoptions IS NOT NULL THEN EXECUTE pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', {}, {}, pg_catalog.array_to_string(own.attoptions, ', ')); END IF; \
             FOR given IN SELECT privilege_type, is_grantable, grantee FROM pg_catalog.aclexplode(own.attacl) LOOP \
             EXECUTE pg_catalog.format('GRANT %s (%I) ON %s TO %s%s', given.privilege_type, {}, {}, \
             CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE given.grantee::pg_catalog.regrole::text END, \
             CASE WHEN given.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END); END LOOP;",
            Literal(table.as_str()),
            Literal(&self.change.column.name),
            Literal(table.as_str()),
            Literal(&self.name),
            Literal(table.as_str()),
            Literal(&self.name),
            Literal(table.as_str()),
            Literal(&self.name),
            Literal(&self.name),
            Literal(table.as_str())
        );
        for twin in &self.indexes {
            let old = quoted(&self.change.table.sibling(&twin.old.name));
            let new = quoted(&self.change.table.sibling(&twin.name));
            body = sql!(
                "{} SELECT pg_catalog.obj_description(indexrelid, 'pg_class') AS comment, indisclustered INTO own FROM pg_catalog.pg_index \
                 WHERE indexrelid = {}::pg_catalog.regclass; \
                 IF own.comment IS NOT NULL THEN EXECUTE pg_catalog.format('COMMENT ON INDEX %s IS %L', {}, own.comment); END IF; \
                 IF own.indisclustered THEN EXECUTE pg_catalog.format('ALTER TABLE %s CLUSTER ON %I', {}, {}); END IF;",
                body,
                Literal(old.as_str()),
                Literal(new.as_str()),
                Literal(table.as_str()),
                Literal(&twin.name)
            );
        }
        for (at, (of, old, new)) in self.commented().into_iter().enumerate() {
            let of = quoted(of);
            let found = sql!(
                "SELECT pg_catalog.obj_description(oid, 'pg_constraint') AS comment INTO own FROM pg_catalog.pg_constraint \
                 WHERE conrelid = {}::pg_catalog.regclass AND conname = {};",
                Literal(of.as_str()),
                Literal(old)
            );
            let kept = match new {
                Some(new) => sql!(
                    "IF own.comment IS NOT NULL THEN EXECUTE pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', {}, {}, own.comment); END IF;",
                    Literal(new),
                    Literal(of.as_str())
                ),
                None => sql!(
                    "PERFORM pg_catalog.set_config('nonstop.comment' || {}, coalesce(own.comment, ''), true);",
                    at as u64
                ),
            };
            body = sql!("{} {} {}", body, found, kept);
        }
        block(&sql!("{} {} END", body, compiled_anew(&table)))
    }

    /// Constraints with their tables, and what takes their comment; of a key that is added in the swap nothing yet.
    fn commented(&self) -> Vec<(&crate::quote::Name, &str, Option<&str>)> {
        let table = self.change.table;
        let own = self.constraints.iter().map(|twin| (table, twin));
        let pointing = self.pointing.iter().map(|(child, twin)| (*child, twin));
        let both = own
            .chain(pointing)
            .map(|(of, twin)| (of, twin.old.name.as_str(), Some(twin.name.as_str())));
        let mut all: Vec<_> = both.collect();
        let is_not_null = |own: &&crate::catalog::Constraint| {
            own.kind == ConstraintKind::NotNull && own.columns == [self.change.column.name.clone()]
        };
        if let (Some(proof), Some(own)) = (&self.proof, self.change.rel.constraints.iter().find(is_not_null)) {
            all.push((table, &own.name, Some(proof)));
        }
        let keys = self.indexes.iter().filter_map(|twin| twin.old.constraint.as_deref());
        all.extend(keys.map(|key| (table, key, None)));
        all
    }

    /// The comments of keys that are there again.
    pub(super) fn remember(&self) -> Option<SqlText> {
        let mut body: Option<SqlText> = None;
        for (at, (of, old, new)) in self.commented().into_iter().enumerate() {
            if new.is_some() {
                continue;
            }
            let of = quoted(of);
            let one = sql!(
                "IF pg_catalog.current_setting('nonstop.comment' || {}) <> '' THEN EXECUTE pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', {}, {}, \
                 pg_catalog.current_setting('nonstop.comment' || {})); END IF;",
                at as u64,
                Literal(old),
                Literal(of.as_str()),
                at as u64
            );
            body = Some(body.map_or(one.clone(), |body| sql!("{} {}", body, one)));
        }
        body.map(|body| block(&sql!("BEGIN {} END", body)))
    }

    /// The new column becomes the identity: its sequence has the old one's name, options, grants and place.
    pub(super) fn identity(&self) -> SqlText {
        let table = quoted(self.change.table);
        let widest = match self.change.to.display.as_str() {
            "smallint" => "32767",
            "integer" => "2147483647",
            _ => "9223372036854775807",
        };
        block(&sql!(
            "DECLARE own record; old pg_catalog.regclass; given record; new text; kept text; \
             BEGIN old := pg_catalog.pg_get_serial_sequence({}, {})::pg_catalog.regclass; \
             SELECT s.*, c.relname, c.relacl, c.relnamespace::pg_catalog.regnamespace::text AS place, a.attidentity, \
             pg_catalog.obj_description(c.oid, 'pg_class') AS comment INTO own \
             FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid, pg_catalog.pg_attribute a \
             WHERE s.seqrelid = old AND a.attrelid = {}::pg_catalog.regclass AND a.attname = {}; \
             EXECUTE pg_catalog.format('ALTER SEQUENCE %s RENAME TO %I', old, {}); \
             new := pg_catalog.format('%s.%I', own.place, own.relname); kept := pg_catalog.format('%s.%I', own.place, {}); \
             IF own.seqmax IN (32767, 2147483647) THEN own.seqmax := {}; END IF; \
             EXECUTE pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %s START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s%s)', \
             {}, {}, CASE own.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, new, own.seqstart, own.seqincrement, own.seqmin, own.seqmax, \
             own.seqcache, CASE WHEN own.seqcycle THEN ' CYCLE' ELSE '' END); \
             EXECUTE pg_catalog.format('SELECT pg_catalog.setval(%L::pg_catalog.regclass, last_value, is_called) FROM %s', new, kept); \
             IF own.comment IS NOT NULL THEN EXECUTE pg_catalog.format('COMMENT ON SEQUENCE %s IS %L', new, own.comment); END IF; \
             FOR given IN SELECT privilege_type, is_grantable, grantee FROM pg_catalog.aclexplode(own.relacl) LOOP \
             EXECUTE pg_catalog.format('GRANT %s ON SEQUENCE %s TO %s%s', given.privilege_type, new, \
             CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE given.grantee::pg_catalog.regrole::text END, \
             CASE WHEN given.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END); END LOOP; END",
            Literal(table.as_str()),
            Literal(&self.change.column.name),
            Literal(table.as_str()),
            Literal(&self.change.column.name),
            Literal(&self.function.name),
            Literal(&self.function.name),
            SqlText::verbatim(widest),
            Literal(table.as_str()),
            Literal(&self.name)
        ))
    }
}
