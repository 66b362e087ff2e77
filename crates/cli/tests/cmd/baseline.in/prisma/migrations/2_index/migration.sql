CREATE INDEX "Tip_amount_idx" ON "Tip" (amount);
