SELECT 1;

  CREATE TABEL a (id int);
