-- AlterTable
ALTER TABLE "orders" ALTER COLUMN "status" SET NOT NULL;
