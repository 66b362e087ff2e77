-- The forms that deploy makes safe, and those that it refuses. One case a block:
--
--   -- case: NAME
--   -- setup: more SQL before it (optional)
--   -- expect: same | fails | part | refused RULE   (same where nothing is said)
--   -- allow: blocking                              (optional)
--
-- same: the end is as written. fails: both fail, and nothing is changed. part: it stops part way, and says so.
-- Every table counts as large. Before each case stands the schema of base.sql.

-- case: cic
CREATE INDEX "t_b_idx" ON "t"("b");

-- case: cic-unnamed
CREATE INDEX ON t (lower(b), c);

-- case: unique-index
CREATE UNIQUE INDEX "t_a_key" ON "t"("a");

-- case: unique-dup
-- expect: part
-- allow: blocking
UPDATE t SET a=1 WHERE id=2;
CREATE UNIQUE INDEX "t_a_key" ON "t"("a");

-- case: unique-dup2
-- setup: update t set a=1 where id=2;
-- expect: fails
CREATE UNIQUE INDEX "t_a_key" ON "t"("a");

-- case: fk
ALTER TABLE "t" ADD CONSTRAINT "t_a_fkey" FOREIGN KEY ("a") REFERENCES "u"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- case: fk-unnamed
ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u;

-- case: fk-bad
-- setup: update t set a=9999 where id=3;
-- expect: fails
ALTER TABLE t ADD COLUMN z int;
ALTER TABLE "t" ADD CONSTRAINT "t_a_fkey" FOREIGN KEY ("a") REFERENCES "u"("id");

-- case: check
ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0 and b <> '');

-- case: check-unnamed
ALTER TABLE t ADD CHECK (a > 0);

-- case: check-bad
-- expect: fails
ALTER TABLE t ADD CHECK (a > 10);

-- case: notnull
ALTER TABLE t ALTER COLUMN a SET NOT NULL;

-- case: notnull-two
ALTER TABLE t ALTER COLUMN a SET NOT NULL, ALTER COLUMN b SET NOT NULL;

-- case: notnull-bad
-- expect: fails
ALTER TABLE t ALTER COLUMN d SET NOT NULL;

-- case: unique-con
ALTER TABLE t ADD CONSTRAINT t_u UNIQUE (a, b);

-- case: unique-con-unnamed
ALTER TABLE t ADD UNIQUE (a, b);

-- case: unique-deferrable
ALTER TABLE t ADD CONSTRAINT t_u UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;

-- case: unique-include
ALTER TABLE t ADD CONSTRAINT t_u UNIQUE (a) INCLUDE (b);

-- case: pk
-- setup: create table v(a int, b text not null); insert into v select i,'x' from generate_series(1,100) i;
ALTER TABLE v ADD CONSTRAINT v_pkey PRIMARY KEY (a,b);

-- case: pk-swap
ALTER TABLE "t" DROP CONSTRAINT "t_pkey", ADD CONSTRAINT "t_pkey" PRIMARY KEY ("a");

-- case: pk-swap-addcol
ALTER TABLE "t" DROP CONSTRAINT "t_pkey", ADD COLUMN "k" INTEGER NOT NULL DEFAULT 3, ADD CONSTRAINT "t_pkey" PRIMARY KEY ("id", "k");

-- case: addcol-inline-fk
ALTER TABLE t ADD COLUMN uid int REFERENCES u(id);

-- case: addcol-inline-all
ALTER TABLE t ADD COLUMN q int UNIQUE CHECK (q > 0) REFERENCES u(id) ON DELETE SET NULL, ADD COLUMN r text NOT NULL DEFAULT 'x';

-- case: addcol-default-fk
ALTER TABLE t ADD COLUMN uid int DEFAULT 5 REFERENCES u(id);

-- case: addcol-volatile
-- expect: refused add-column-rewrites-table
ALTER TABLE t ADD COLUMN z uuid default gen_random_uuid();

-- case: addcol-notnull-nodefault
-- expect: fails
ALTER TABLE t ADD COLUMN z int NOT NULL;

-- case: enum-use
ALTER TYPE mood ADD VALUE 'happy';
ALTER TABLE t ADD COLUMN m mood NOT NULL DEFAULT 'happy';

-- case: enum-two
ALTER TYPE mood ADD VALUE 'happy';
ALTER TYPE mood ADD VALUE 'glad' BEFORE 'ok';

-- case: drop-index
DROP INDEX "t_a_idx";

-- case: drop-index-ifexists
DROP INDEX IF EXISTS "nope";
DROP INDEX IF EXISTS t_a_idx;

-- case: replace-index
DROP INDEX "t_a_idx";
CREATE INDEX "t_a_b_idx" ON t(a,b);

-- case: replace-index-same
DROP INDEX "t_a_idx";
CREATE INDEX "t_a_idx" ON t(a,b);

-- case: dropcol-then-index
ALTER TABLE t DROP COLUMN b, ADD COLUMN e int;
CREATE INDEX t_e_idx ON t(e);

-- case: dropcol-readd
ALTER TABLE "t" DROP COLUMN "b", ADD COLUMN "b" INTEGER;
CREATE INDEX t_b_idx ON t(b);

-- case: fail-late
-- expect: fails
ALTER TABLE t DROP COLUMN b;
CREATE INDEX t_c_idx ON t(c);
ALTER TABLE nope ADD COLUMN x int;

-- case: fail-late2
-- expect: fails
ALTER TABLE t ADD COLUMN e int;
CREATE INDEX t_c_idx ON t(c);
CREATE TABLE nn (id int);
DROP TABLE nope;

-- case: fail-late3
-- expect: fails
DROP INDEX t_a_idx;
ALTER TABLE t ADD CONSTRAINT k CHECK (a>0);
SELECT 1/0;

-- case: fail-late4
-- expect: fails
ALTER TABLE t DROP CONSTRAINT t_pkey;
CREATE INDEX t_c_idx ON t(c);
SELECT 1/0;

-- case: fail-rename
-- expect: fails
ALTER TABLE t RENAME COLUMN a TO aa;
CREATE INDEX t_aa_idx ON t(aa);
SELECT 1/0;

-- case: fail-table-rename
-- expect: fails
ALTER TABLE t RENAME TO tt;
CREATE INDEX tt_c_idx ON tt(c);
SELECT 1/0;

-- case: rename-index-after
ALTER TABLE t RENAME COLUMN a TO aa;
CREATE INDEX t_aa_idx2 ON t(aa);

-- case: table-rename-index
ALTER TABLE t RENAME TO tt;
CREATE INDEX tt_c_idx ON tt(c);

-- case: rename-then-fk
ALTER TABLE u RENAME TO uu;
ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES uu(id);

-- case: new-table-fk
CREATE TABLE "n" ("id" SERIAL NOT NULL, "tid" INTEGER NOT NULL, CONSTRAINT "n_pkey" PRIMARY KEY ("id"));
CREATE INDEX "n_tid_idx" ON "n"("tid");
ALTER TABLE "n" ADD CONSTRAINT "n_tid_fkey" FOREIGN KEY ("tid") REFERENCES "t"("id");

-- case: new-table-with-rows-fk
CREATE TABLE n (id int primary key, tid int);
INSERT INTO n SELECT id, id FROM t;
ALTER TABLE n ADD CONSTRAINT n_f FOREIGN KEY (tid) REFERENCES t(id);

-- case: type-free
ALTER TABLE t ALTER COLUMN b TYPE varchar;

-- case: type-rewrite
-- expect: refused type-change-rewrites-table
ALTER TABLE t ALTER COLUMN a TYPE bigint;

-- case: type-rewrite-allowed
-- allow: blocking
ALTER TABLE t ALTER COLUMN a TYPE bigint;

-- case: copy-drop
-- expect: refused copy-then-drop-loses-writes
ALTER TABLE t ADD COLUMN a2 int;
UPDATE t SET a2 = a;
ALTER TABLE t DROP COLUMN a;

-- case: copy-drop-allowed
-- allow: blocking
ALTER TABLE t ADD COLUMN a2 int;
UPDATE t SET a2 = a;
ALTER TABLE t DROP COLUMN a;

-- case: do-block
DO $$ BEGIN ALTER TABLE t ADD COLUMN zz int; EXCEPTION WHEN duplicate_column THEN NULL; END $$; CREATE INDEX t_zz ON t(zz);

-- case: do-block-fk
-- expect: refused scans-table-under-lock
DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname='zfk') THEN ALTER TABLE t ADD CONSTRAINT zfk FOREIGN KEY (a) REFERENCES u(id); END IF; END $$;

-- case: begin-commit
BEGIN;
ALTER TABLE t ADD COLUMN z int;
CREATE INDEX t_z ON t(z);
COMMIT;

-- case: set-search-path
CREATE SCHEMA s2;
SET search_path = s2;
CREATE TABLE q (id int);
CREATE INDEX ON q(id);

-- case: set-config
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.q (id int);
ALTER TABLE public.t ADD CONSTRAINT kk CHECK (a > 0);

-- case: cic-multi
CREATE INDEX CONCURRENTLY "i1" ON t(c);
CREATE INDEX CONCURRENTLY IF NOT EXISTS "i2" ON t(d);
DROP INDEX CONCURRENTLY IF EXISTS "t_a_idx";
ALTER TABLE t ADD COLUMN z int;

-- case: quoted
CREATE TABLE "we""ird Täble" ("ä b" int, "C" text);
CREATE UNIQUE INDEX "we""ird Täble_ä b_key" ON "we""ird Täble"("ä b");
ALTER TABLE t ADD COLUMN "Ü ""x" int;
CREATE INDEX "Ü idx" ON t("Ü ""x");
ALTER TABLE t ADD CONSTRAINT "ch eck" CHECK ("Ü ""x" > 0);

-- case: partial-expr-index
CREATE UNIQUE INDEX t_pe ON t (lower(b)) WHERE a > 5;
CREATE INDEX t_gin ON t USING gin (to_tsvector('english', b));
CREATE INDEX t_desc ON t (a DESC NULLS LAST, b text_pattern_ops) INCLUDE (c) WITH (fillfactor=70);

-- case: trigger-func
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.c := 1; RETURN NEW; END $$; CREATE TRIGGER tt BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tf(); CREATE INDEX t_c ON t(c);

-- case: view
CREATE VIEW vw AS SELECT id, a FROM t;
CREATE INDEX t_c ON t(c);
CREATE MATERIALIZED VIEW mv AS SELECT a, count(*) FROM t GROUP BY a;
CREATE UNIQUE INDEX ON mv(a);
REFRESH MATERIALIZED VIEW mv;

-- case: comment-grant
COMMENT ON TABLE t IS 'x';
CREATE INDEX t_c ON t(c);
COMMENT ON COLUMN t.a IS 'y';
GRANT SELECT ON t TO PUBLIC;

-- case: part-index
-- setup: create table p(id int, a int) partition by range(id); create table p1 partition of p for values from (0) to (100); create table p2 partition of p for values from (100) to (200); insert into p select i,i from generate_series(1,150) i;
CREATE INDEX p_a ON p(a);

-- case: part-attach
-- setup: create table p(id int, a int) partition by range(id); create table p1 partition of p for values from (0) to (100);insert into p select i,i from generate_series(1,50) i;
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);

-- case: validate-self
ALTER TABLE t ADD CONSTRAINT f1 FOREIGN KEY (a) REFERENCES u(id) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT f1;

-- case: fk-self
ALTER TABLE t ADD COLUMN parent int;
ALTER TABLE t ADD CONSTRAINT tp FOREIGN KEY (parent) REFERENCES t(id) ON DELETE CASCADE;

-- case: drop-table-recreate
DROP TABLE u;
CREATE TABLE u (id int primary key, y text);
CREATE INDEX t_c ON t(c);

-- case: insert-existing
INSERT INTO u VALUES (1000, 5);
CREATE INDEX t_c ON t(c);

-- case: update-key
UPDATE t SET b = 'q' WHERE id = 7;
CREATE INDEX t_c ON t(c);

-- case: delete-all
-- expect: refused changes-many-rows
DELETE FROM t;

-- case: savepoint
BEGIN;
SAVEPOINT s;
ALTER TABLE t ADD COLUMN z int;
RELEASE s;
COMMIT;

-- case: rollback
BEGIN;
ALTER TABLE t ADD COLUMN z int;
ROLLBACK;

-- case: ext-missing
-- expect: fails
CREATE INDEX t_c ON t(c);
CREATE EXTENSION nonexistent_ext;

-- case: add-identity
-- setup: create table v(a int); insert into v values (1);
ALTER TABLE v ALTER COLUMN a SET NOT NULL;
ALTER TABLE v ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY;

-- case: syntax
-- expect: refused syntax-error
CREATE TABEL x();

-- case: trailing-comment
CREATE INDEX t_c ON t(c) -- no semicolon, and a comment

-- case: multi-constraint
ALTER TABLE t ADD CONSTRAINT k1 CHECK (a > 0), ADD CONSTRAINT f1 FOREIGN KEY (c) REFERENCES u(id) NOT VALID, ADD CONSTRAINT u1 UNIQUE (b), ALTER COLUMN b SET NOT NULL, ADD COLUMN n1 int, ALTER COLUMN c DROP DEFAULT;

-- case: seed-then-fail
-- setup: update t set a=1 where id=2;
-- expect: fails
INSERT INTO u VALUES (1000, 5);
CREATE UNIQUE INDEX t_a_key ON t(a);

-- case: seed-then-fail2
-- expect: fails
INSERT INTO u VALUES (1000, 5);
CREATE INDEX t_c ON t(c);
SELECT 1/0;

-- case: addcol-insert
ALTER TABLE u ADD COLUMN q int;
INSERT INTO u VALUES (1000, 5, 6);
CREATE INDEX t_c ON t(c);

-- case: enum-insert
CREATE TABLE en (id int primary key, m mood);
ALTER TYPE mood ADD VALUE 'happy';
INSERT INTO en VALUES (1, 'happy');
CREATE INDEX t_c ON t(c);

-- case: update-then-check
UPDATE t SET a = 5 WHERE id = 1;
ALTER TABLE t ADD CONSTRAINT k CHECK (a > 1);

