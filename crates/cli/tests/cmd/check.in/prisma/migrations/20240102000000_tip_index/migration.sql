-- CreateIndex
CREATE INDEX "tip_created_at_idx" ON "Tip" ("createdAt");

-- nonstop: allow drop-column-breaks-code because nobody reads it any more
ALTER TABLE "Tip" DROP COLUMN "email";
