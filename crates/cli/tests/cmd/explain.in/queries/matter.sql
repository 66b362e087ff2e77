-- name: jobs of a teacher
SELECT * FROM "Job" WHERE "teacherId" = 42;
