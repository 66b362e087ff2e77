CREATE INDEX a_id ON a (id);
ALTER TABLE a ADD CONSTRAINT a_positive CHECK (id > 0);
UPDATE a SET id = id + 1;
