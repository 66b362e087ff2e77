ALTER TABLE "User" RENAME COLUMN "discordId" TO "discord_id";
