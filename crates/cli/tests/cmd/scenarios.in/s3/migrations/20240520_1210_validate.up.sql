ALTER TABLE orders VALIDATE CONSTRAINT orders_amount_positive;
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_fk;
