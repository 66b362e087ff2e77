CREATE TABLE "Tip" (id int PRIMARY KEY, "createdAt" timestamp);
CREATE INDEX "never_judged" ON "Tip" (id);
