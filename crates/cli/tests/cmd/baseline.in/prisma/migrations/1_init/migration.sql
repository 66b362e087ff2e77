CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, note text);
