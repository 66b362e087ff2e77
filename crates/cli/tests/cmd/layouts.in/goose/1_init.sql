-- +goose Up
CREATE TABLE tip (id int PRIMARY KEY, amount int);

-- +goose Down
DROP TABLE tip;
