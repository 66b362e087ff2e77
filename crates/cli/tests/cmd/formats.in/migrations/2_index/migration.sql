CREATE INDEX "Tür_größe_idx" ON "Tür" ("größe");
UPDATE "Tür"
  SET "größe" = 1;
