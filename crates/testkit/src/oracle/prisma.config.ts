import { defineConfig } from 'prisma/config'
import { PrismaPg } from '@prisma/adapter-pg'

const url = process.env.DATABASE_URL ?? ''
const schema = new URL(url).searchParams.get('schema') ?? 'public'

export default defineConfig({
  schema: process.env.ORACLE_SCHEMA ?? 'schema.prisma',
  migrations: { path: process.env.ORACLE_MIGRATIONS ?? 'migrations' },
  experimental: { adapter: true },
  engine: 'js',
  adapter: async () =>
    new PrismaPg(
      { connectionString: url, max: 1, options: `-c search_path="${schema}"` },
      { schema },
    ),
})
