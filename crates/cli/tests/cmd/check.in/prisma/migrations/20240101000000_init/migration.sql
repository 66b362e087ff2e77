CREATE TABLE "Tip" (
  "id" SERIAL PRIMARY KEY,
  "email" TEXT,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX "Tip_email_idx" ON "Tip" ("email");
