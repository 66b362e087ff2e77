-- CreateIndex
CREATE INDEX "tip_created_at_idx" ON "Tip" ("createdAt");
