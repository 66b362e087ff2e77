-- What stands before every case.
CREATE TABLE t (id serial PRIMARY KEY, a int, b text, c int NOT NULL DEFAULT 0, d timestamp(3));
INSERT INTO t (a, b) SELECT i, 'b' || i FROM generate_series(1, 500) AS i;
CREATE TABLE u (id int PRIMARY KEY, x int);
INSERT INTO u SELECT i, i FROM generate_series(1, 500) AS i;
CREATE INDEX t_a_idx ON t (a);
CREATE TYPE mood AS ENUM ('sad', 'ok');
