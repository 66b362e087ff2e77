UPDATE "User" SET "email" = 'unknown@example.org' WHERE "email" IS NULL;

-- AlterTable
ALTER TABLE "User" ALTER COLUMN "email" SET NOT NULL;
