import { createHmac } from 'node:crypto'
import type { Owner } from '@ringfence/context'
import * as z from 'zod'

/** Says in a way that SQL cannot forge whose a transaction is. */
export interface OwnerTokens {
  issue(owner: Owner): Promise<string>
}

export interface OwnerTokenOptions {
  /** Names the key, and is part of every token. */
  readonly kid: string
  /** The key that the database has under that name: 32 bytes or more. */
  readonly secret: Uint8Array
  /** Milliseconds that a token is good for: as long as a transaction may take. Default 60,000. */
  readonly lifetimeMs?: number | undefined
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly now?: (() => number) | undefined
}

const checked = z.object({
  kid: z.string().regex(/^[\w-]{1,64}$/u),
  secret: z
    .instanceof(Uint8Array)
    .refine(({ length }) => length >= 32, 'expected 32 bytes or more'),
  lifetimeMs: z.int().min(1_000).max(3_600_000).default(60_000),
})

/**
 * Makes the tokens that the functions of `ownerTokenSetup` check: whoever can run SQL, but has not the key, can be
 * nobody but the user whose transaction it is. Throws TypeError for a key that is none.
 */
export function createOwnerTokens(options: OwnerTokenOptions): OwnerTokens {
  const result = checked.safeParse(options)
  // Never the key itself in the message.
  if (!result.success) {
    throw new TypeError(
      `Cannot make owner tokens: ${result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    )
  }
  const { kid, secret, lifetimeMs } = result.data
  const { now = Date.now } = options
  return Object.freeze<OwnerTokens>({
    issue: async ({ tenantId = '', userId }) => {
      const expires = Math.ceil((now() + lifetimeMs) / 1_000)
      const claims = [kid, String(expires), hex(tenantId), hex(userId)].join('.')
      return `${claims}.${createHmac('sha256', secret).update(claims).digest('hex')}`
    },
  })
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}

/**
 * The functions that an application's policies ask where they are to trust a signed token alone:
 * `ringfence_token.tenant()` and `ringfence_token.user_id()`, null where there is no good token. To be run once, by
 * whoever migrates; then add keys: `INSERT INTO ringfence_token.keys VALUES ('key-1', '\\x…')`. The keys can be read
 * by nobody but the owner of the schema, so that they must not be whom the application connects as.
 *
 * @example
 * // CREATE POLICY own ON notes USING (user_id = ringfence_token.user_id())
 */
export const ownerTokenSetup: string = `
CREATE SCHEMA IF NOT EXISTS ringfence_token;
CREATE TABLE IF NOT EXISTS ringfence_token.keys (kid text PRIMARY KEY, secret bytea NOT NULL CHECK (length(secret) >= 32));
REVOKE ALL ON ringfence_token.keys FROM PUBLIC;
GRANT USAGE ON SCHEMA ringfence_token TO PUBLIC;

CREATE OR REPLACE FUNCTION ringfence_token.mac(secret bytea, message bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE block bytea := CASE WHEN length(secret) > 64 THEN sha256(secret) ELSE secret END;
  inner_pad bytea; outer_pad bytea; at integer;
BEGIN
  block := block || decode(repeat('00', 64 - length(block)), 'hex');
  inner_pad := block;
  outer_pad := block;
  FOR at IN 0..63 LOOP
    inner_pad := set_byte(inner_pad, at, get_byte(block, at) # 54);
    outer_pad := set_byte(outer_pad, at, get_byte(block, at) # 92);
  END LOOP;
  RETURN sha256(outer_pad || sha256(inner_pad || message));
END $body$;

CREATE OR REPLACE FUNCTION ringfence_token.claims() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE parts text[] := string_to_array(current_setting('ringfence.token', true), '.'); key bytea;
BEGIN
  IF coalesce(array_length(parts, 1), 0) <> 5 THEN RETURN NULL; END IF;
  IF parts[2] !~ '^[0-9]{1,12}$' OR parts[5] !~ '^[0-9a-f]{64}$' THEN RETURN NULL; END IF;
  IF parts[2]::bigint <= extract(epoch FROM clock_timestamp()) THEN RETURN NULL; END IF;
  SELECT secret INTO key FROM ringfence_token.keys WHERE kid = parts[1];
  IF key IS NULL THEN RETURN NULL; END IF;
  -- Of both the hash is compared: how far they agree tells nothing of what would have been right.
  IF sha256(ringfence_token.mac(key, convert_to(array_to_string(parts[1:4], '.'), 'UTF8')))
    <> sha256(decode(parts[5], 'hex')) THEN RETURN NULL; END IF;
  RETURN ARRAY[convert_from(decode(parts[3], 'hex'), 'UTF8'), convert_from(decode(parts[4], 'hex'), 'UTF8')];
END $body$;

CREATE OR REPLACE FUNCTION ringfence_token.tenant() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$ SELECT (ringfence_token.claims())[1] $body$;
CREATE OR REPLACE FUNCTION ringfence_token.user_id() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$ SELECT (ringfence_token.claims())[2] $body$;
REVOKE ALL ON FUNCTION ringfence_token.mac(bytea, bytea) FROM PUBLIC;
`
