import { roles } from '../database/roles.ts'

function role(name: string): string {
  return `
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '${name}') THEN
    CREATE ROLE ${name} NOLOGIN NOBYPASSRLS;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  IF NOT pg_has_role(session_user, '${name}', 'MEMBER') THEN
    EXECUTE format('GRANT ${name} TO %I', session_user);
  END IF;
END $$;`
}

/**
 * What needs the right to make roles and schemas, once for a database: run it by hand where the login that the store
 * connects with has no such right, and then grant that login the three roles. Can be run again.
 */
export const postgresSetup: string = `
${role(roles.migrations)}
${role(roles.queue)}
${role(roles.data)}
CREATE SCHEMA IF NOT EXISTS ringfence AUTHORIZATION ${roles.migrations};
CREATE SCHEMA IF NOT EXISTS ringfence_queue AUTHORIZATION ${roles.queue};
`
