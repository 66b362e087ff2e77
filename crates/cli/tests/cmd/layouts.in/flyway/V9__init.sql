CREATE TABLE tip (id int PRIMARY KEY, amount int);
