CREATE TABLE t (id serial PRIMARY KEY, n text, m numeric(8, 2));
INSERT INTO t (n, m) SELECT 'n', 1 FROM generate_series(1, 100);
CREATE TABLE log (id int, line text);
INSERT INTO log VALUES (1, 'x');
CREATE TABLE child () INHERITS (log);
CREATE UNLOGGED TABLE fast AS SELECT id FROM t;
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN price AS numeric(8, 2);
CREATE TABLE priced (p price);
INSERT INTO priced VALUES (1);
CREATE SEQUENCE late;
CREATE TABLE drawn (id int DEFAULT nextval('late'::text));
-- each of these by itself

ALTER TABLE fast SET LOGGED

ALTER TABLE log DISABLE TRIGGER ALL

ALTER TYPE pair RENAME TO two

ALTER TYPE pair RENAME ATTRIBUTE a TO c

CREATE TABLE new OF pair

ALTER TABLE priced ALTER p TYPE numeric(10, 2)

ALTER TABLE t ALTER m TYPE numeric(10, 2)

DROP SEQUENCE late

DROP SEQUENCE t_id_seq

SELECT setval(pg_get_serial_sequence('t', 'id'), 500)

INSERT INTO log VALUES (nextval('late'), 'y')

INSERT INTO log VALUES (1, (SELECT max(n) FROM t))

UPDATE log SET (id, line) = (SELECT max(t.id), max(n) FROM t)

WITH gone AS (DELETE FROM t WHERE n = 'x' RETURNING id, n) INSERT INTO log SELECT id, n FROM gone

CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ WITH w AS (INSERT INTO log VALUES (1, 'z') RETURNING id) SELECT FROM t WHERE id = 1 FOR UPDATE $$
