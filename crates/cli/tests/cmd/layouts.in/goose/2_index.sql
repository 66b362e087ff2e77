-- +goose Up
CREATE INDEX tip_amount ON tip (amount);

-- +goose Down
DROP INDEX tip_amount;
