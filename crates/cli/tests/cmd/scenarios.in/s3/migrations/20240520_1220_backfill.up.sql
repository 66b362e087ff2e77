UPDATE orders SET note = '' WHERE id > 0 AND id <= 5000 AND note IS NULL;
