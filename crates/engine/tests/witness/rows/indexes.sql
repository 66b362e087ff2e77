CREATE TABLE t (id int PRIMARY KEY, v int, n text);
INSERT INTO t SELECT i, i, 'n' FROM generate_series(1, 1000) i;
CREATE INDEX t_v ON t (v);
CREATE TABLE p (id int, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX p_id ON p (id);
-- each of these by itself

CREATE INDEX t_n ON t (n)

CREATE INDEX IF NOT EXISTS t_v ON t (v)

CREATE INDEX p_day ON p (day)

CREATE INDEX p_day ON ONLY p (day)

CREATE INDEX CONCURRENTLY t_n ON t (n)

-- alone
CREATE INDEX CONCURRENTLY t_n ON t (n)

-- alone
CREATE INDEX CONCURRENTLY p_day ON p (day)

-- alone
DROP INDEX CONCURRENTLY t_v

-- alone
REINDEX INDEX CONCURRENTLY t_v

DROP INDEX t_v

DROP INDEX t_pkey

DROP INDEX p1_id_idx

REINDEX INDEX t_v

REINDEX TABLE t

ALTER INDEX t_v RENAME TO other

ALTER INDEX t_v SET (fillfactor = 70)
