CREATE TABLE "Tür" (id int PRIMARY KEY, "größe" int);
