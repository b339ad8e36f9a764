import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { Database } from '../database/database.ts'
import { roles } from '../database/roles.ts'

const rowSchema = z.object({ why: z.string() })

/** Whatever would let the data role see more than its transaction's owner, one row each. */
const holes = `
SELECT format('the role %s is a superuser or has BYPASSRLS', rolname) AS why FROM pg_roles
  WHERE rolname IN ('${roles.data}', '${roles.queue}') AND (rolsuper OR rolbypassrls)
UNION ALL
SELECT format('the role ${roles.data} has the rights of the owner of %s, whom no policy binds', c.oid::regclass)
  FROM pg_class c WHERE c.relnamespace = 'ringfence'::regnamespace AND c.relkind = 'r'
    AND pg_has_role('${roles.data}', c.relowner, 'USAGE')
UNION ALL
SELECT format('the role ${roles.queue} may use the schema ringfence')
  WHERE has_schema_privilege('${roles.queue}', 'ringfence', 'USAGE')
UNION ALL
SELECT format('row-level security of %s is off', c.oid::regclass)
  FROM pg_class c WHERE c.relnamespace = 'ringfence'::regnamespace AND c.relkind = 'r' AND NOT c.relrowsecurity
    AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped)
UNION ALL
SELECT format('the policy %I of %s lets through more than the owner''s rows', p.polname, c.oid::regclass)
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  WHERE c.relnamespace = 'ringfence'::regnamespace AND p.polpermissive AND p.polname <> 'own_rows'
    AND EXISTS (SELECT 1 FROM unnest(p.polroles) AS r (role)
      WHERE r.role = 0 OR pg_has_role('${roles.data}', r.role, 'USAGE'))
LIMIT 1`

/**
 * Refuses a database whose row-level security would not hold: a role that no policy binds answers a forgotten filter with
 * everybody's rows, and nobody notices. Throws `STORE_UNFENCED`.
 */
export async function assertFenced(database: Database): Promise<void> {
  const [row] = await database.script((run) => run(holes))
  if (row === undefined) return
  throw new EngineError(
    'STORE_UNFENCED',
    `The store is not opened: ${rowSchema.parse(row).why}. Row-level security would not keep users apart. ` +
      'Give the roles of the store no more than `postgresSetup` does, and leave the policies of its tables as they are.',
  )
}
