-- AlterTable
ALTER TABLE "orders" ADD COLUMN     "gift_for_id" INTEGER;

-- AddForeignKey
ALTER TABLE "orders" ADD CONSTRAINT "orders_gift_for_id_fkey" FOREIGN KEY ("gift_for_id") REFERENCES "customers"("id") ON DELETE SET NULL ON UPDATE CASCADE;
