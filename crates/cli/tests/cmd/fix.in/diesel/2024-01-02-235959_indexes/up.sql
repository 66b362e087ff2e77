CREATE INDEX a_id ON a (id);
CREATE INDEX a_b ON a (b);
