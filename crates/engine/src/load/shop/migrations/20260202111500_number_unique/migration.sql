-- A constraint and not only an index: the export of the accountants looks for it.
ALTER TABLE "orders" ADD CONSTRAINT "orders_number_key" UNIQUE ("number");
