-- CreateTable
CREATE TABLE "orders" (
    "id" BIGSERIAL NOT NULL,
    "customer_id" INTEGER NOT NULL,
    "status" TEXT,

    CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);
