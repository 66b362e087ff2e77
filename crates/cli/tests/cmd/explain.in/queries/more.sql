-- name: jobs of a teacher
SELECT 1;
