CREATE INDEX tip_amount ON tip (amount);
