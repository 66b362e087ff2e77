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

-- Of a way back: what the history row of the migration said before; the id is then one of our own.
ALTER TABLE nonstop.migration ADD COLUMN IF NOT EXISTS takes_back jsonb;

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

-- How far a change of rows in batches is. place: the values of the key up to which it is done; ending: the last ones, taken
-- at the start. It changes only in the transaction of a batch.
CREATE TABLE IF NOT EXISTS nonstop.progress (
    migration text NOT NULL,
    step      text NOT NULL,
    ending    text[] NOT NULL,
    place     text[],
    pass      integer NOT NULL DEFAULT 1,
    batches   bigint NOT NULL DEFAULT 0,
    seen      bigint NOT NULL DEFAULT 0,
    changed   bigint NOT NULL DEFAULT 0,
    total     bigint NOT NULL,
    PRIMARY KEY (migration, step),
    FOREIGN KEY (migration, step) REFERENCES nonstop.step ON DELETE CASCADE
);

-- One row for each batch. That a number comes once is what keeps a batch from being done twice.
CREATE TABLE IF NOT EXISTS nonstop.batch (
    migration text NOT NULL,
    step      text NOT NULL,
    number    bigint NOT NULL,
    behind    text[],
    upto      text[] NOT NULL,
    rows      bigint NOT NULL,
    ms        bigint NOT NULL,
    waited_ms bigint NOT NULL,
    done_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (migration, step, number),
    FOREIGN KEY (migration, step) REFERENCES nonstop.progress ON DELETE CASCADE
);

-- What a change of rows in batches keeps to, and whether it may go on: as its user wants it now, read at each look.
CREATE TABLE IF NOT EXISTS nonstop.control (
    migration text PRIMARY KEY REFERENCES nonstop.migration ON DELETE CASCADE,
    limits    jsonb NOT NULL,
    paused    boolean NOT NULL DEFAULT false,
    cancelled boolean NOT NULL DEFAULT false
);
