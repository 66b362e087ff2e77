CREATE INDEX "tip_created_at_idx" ON "Tip" ("createdAt");
ALTER TABLE "Tip" ALTER "createdAt" TYPE timestamptz;
