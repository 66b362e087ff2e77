-- nonstop: allow create-index-blocks-writes because the table is small until 2020-01-31
CREATE INDEX "Tip_note_idx" ON "Tip" (note);

-- nonstop: allow create-index-blocks-writes
DROP INDEX "Tip_amount_idx";
