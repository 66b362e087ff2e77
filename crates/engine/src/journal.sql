-- What nonstop is doing to this database, and how it is taken back. Read by the next command after a crash.
CREATE SCHEMA IF NOT EXISTS nonstop;

CREATE TABLE IF NOT EXISTS nonstop.run (
    id           text PRIMARY KEY,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    outcome      text,
    version      text NOT NULL,
    worker_pid   integer,
    worker_start timestamptz
);

-- id is the id of the history row. plan: the steps, as the planner gave them; NULL for a migration that was one transaction.
CREATE TABLE IF NOT EXISTS nonstop.migration (
    id          text PRIMARY KEY,
    run         text NOT NULL REFERENCES nonstop.run,
    history     text NOT NULL,
    name        text NOT NULL,
    checksum    text NOT NULL,
    plan        jsonb,
    state       text NOT NULL CHECK (state IN ('running', 'undoing', 'done', 'undone', 'closed')),
    failure     jsonb,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);

CREATE UNIQUE INDEX IF NOT EXISTS only_one_unfinished ON nonstop.migration (history) WHERE state IN ('running', 'undoing');

-- found: the goal was reached before we did anything, so there is nothing to take back.
CREATE TABLE IF NOT EXISTS nonstop.step (
    migration   text NOT NULL REFERENCES nonstop.migration ON DELETE CASCADE,
    step        text NOT NULL,
    state       text NOT NULL CHECK (state IN ('started', 'found', 'done', 'undone')),
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    PRIMARY KEY (migration, step)
);
