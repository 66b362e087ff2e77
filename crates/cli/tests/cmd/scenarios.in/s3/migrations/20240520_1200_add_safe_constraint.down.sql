ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_customer_fk;
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_amount_positive;
