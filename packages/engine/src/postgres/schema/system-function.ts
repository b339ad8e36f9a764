import { roles } from '../database/roles.ts'

/** A function that crosses owners: it runs as the tables' owner, whom no policy binds, and reads no more than it needs. */
export function systemFunction(signature: string, returns: string, body: string): string {
  const name = signature.slice(0, signature.indexOf('('))
  const types = signature.replace(/\b\w+ (\w+)/gu, '$1')
  return `
CREATE FUNCTION ${signature} RETURNS ${returns} LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ringfence, pg_temp AS $body$ ${body} $body$;
REVOKE ALL ON FUNCTION ${types} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ${types} TO ${roles.data};
COMMENT ON FUNCTION ${types} IS 'Crosses owners: ${name}';`
}
