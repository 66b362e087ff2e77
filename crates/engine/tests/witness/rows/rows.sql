CREATE TABLE u (id int PRIMARY KEY, x int);
CREATE TABLE t (id serial PRIMARY KEY, uid int REFERENCES u (id), x int UNIQUE);
CREATE TABLE c (id int, tid int REFERENCES t (id) ON DELETE CASCADE);
CREATE TABLE bare (id int);
CREATE PUBLICATION pub FOR TABLE bare;
INSERT INTO u SELECT i, i FROM generate_series(1, 5000) i;
INSERT INTO t (uid, x) SELECT i, i FROM generate_series(1, 100) i;
INSERT INTO c SELECT i, i FROM generate_series(1, 50) i;
INSERT INTO bare VALUES (1);
ANALYZE;
-- each of these by itself

INSERT INTO t (uid, x) VALUES (1, 200)

INSERT INTO t (id, uid, x) VALUES (200, NULL, 200)

INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET uid = 2

INSERT INTO u SELECT id + 10000, x FROM t

UPDATE t SET x = x + 1000

UPDATE t SET uid = 2 WHERE x < 5

DELETE FROM t

DELETE FROM u WHERE x > 4990

SELECT * FROM t FOR UPDATE

SELECT nextval('t_id_seq')

UPDATE bare SET id = 2

ALTER PUBLICATION pub SET TABLE u

MERGE INTO t USING u ON t.x = u.x WHEN MATCHED THEN DELETE
