import { ledgerMeasures } from '../../ledger/ledger-amounts.ts'
import { tenantSetting, userSetting } from '../database/owner-settings.ts'
import { roles } from '../database/roles.ts'
import { systemFunction } from './system-function.ts'

/** What belongs to an owner. Every key begins with tenant and user: a duplicate tells nothing of anybody else's ids. */
const ownedTables = [
  'runs',
  'events',
  'threads',
  'messages',
  'approvals',
  'idempotency_keys',
  'ledger_accounts',
  'ledger_sums',
  'ledger_holds',
] as const

const owner = `tenant text NOT NULL, user_id text NOT NULL CHECK (user_id <> '')`

const measures = ledgerMeasures
  .map((measure) => `"${measure}" bigint NOT NULL DEFAULT 0`)
  .join(', ')

const tables = `
CREATE TABLE runs (
  ${owner}, run_id text NOT NULL, agent text NOT NULL, thread_id text, request_id text NOT NULL,
  status text NOT NULL DEFAULT 'queued',
  created_at text NOT NULL, started_at text, ended_at text,
  last_seq integer NOT NULL DEFAULT -1,
  first_seq integer NOT NULL DEFAULT 0,
  outcome text,
  attempt integer NOT NULL DEFAULT 0,
  worker text, input text, job_id text, cancel_reason text,
  position bigint GENERATED ALWAYS AS IDENTITY,
  changed_on timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, user_id, run_id)
);
CREATE INDEX runs_newest ON runs (tenant, user_id, position DESC);
CREATE INDEX runs_of_thread ON runs (tenant, user_id, thread_id) WHERE ended_at IS NULL;
CREATE INDEX runs_open ON runs (worker) WHERE ended_at IS NULL;
CREATE INDEX runs_ended ON runs (changed_on) WHERE ended_at IS NOT NULL;

CREATE TABLE events (
  ${owner}, run_id text NOT NULL, seq integer NOT NULL, event text NOT NULL,
  PRIMARY KEY (tenant, user_id, run_id, seq),
  FOREIGN KEY (tenant, user_id, run_id) REFERENCES runs ON DELETE CASCADE
);

CREATE SEQUENCE thread_writes;
CREATE TABLE threads (
  ${owner}, thread_id text NOT NULL,
  created_at text NOT NULL, updated_at text NOT NULL,
  next_position integer NOT NULL DEFAULT 0, dropped integer NOT NULL DEFAULT 0,
  messages integer NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0,
  written bigint NOT NULL DEFAULT 0,
  changed_on timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, user_id, thread_id)
);
CREATE INDEX threads_newest ON threads (tenant, user_id, written DESC);

CREATE TABLE messages (
  ${owner}, thread_id text NOT NULL, position integer NOT NULL,
  message_id text NOT NULL, turn_id text NOT NULL, bytes integer NOT NULL, message text NOT NULL,
  PRIMARY KEY (tenant, user_id, thread_id, position),
  UNIQUE (tenant, user_id, thread_id, message_id),
  FOREIGN KEY (tenant, user_id, thread_id) REFERENCES threads ON DELETE CASCADE
);

CREATE TABLE approvals (
  ${owner}, approval_id text NOT NULL, run_id text NOT NULL, call_id text NOT NULL,
  arguments_hash text NOT NULL, request text NOT NULL,
  status text NOT NULL DEFAULT 'pending', expires_ms double precision NOT NULL,
  resolved_at text, resolved_by text, reason text,
  position bigint GENERATED ALWAYS AS IDENTITY,
  changed_on timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, user_id, approval_id)
);
CREATE INDEX approvals_newest ON approvals (tenant, user_id, position DESC);
CREATE INDEX approvals_of_run ON approvals (tenant, user_id, run_id);
CREATE INDEX approvals_pending ON approvals (expires_ms) WHERE status = 'pending';

CREATE TABLE idempotency_keys (
  ${owner}, agent text NOT NULL, key text NOT NULL,
  run_id text NOT NULL, input_hash text NOT NULL, confirmed boolean NOT NULL DEFAULT false,
  lease_until double precision NOT NULL, expires_at double precision NOT NULL,
  PRIMARY KEY (tenant, user_id, agent, key)
);

CREATE TABLE ledger_accounts (
  ${owner}, changed_on timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tenant, user_id)
);

CREATE TABLE ledger_sums (
  ${owner}, period text NOT NULL, from_ms double precision NOT NULL, run_id text NOT NULL DEFAULT '',
  agent text NOT NULL, whole boolean NOT NULL, ${measures},
  changed_on timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, user_id, period, from_ms, run_id, whole, agent)
);

CREATE TABLE ledger_holds (
  ${owner}, hold_id text NOT NULL, run_id text, agent text NOT NULL,
  expires_at double precision NOT NULL, amounts text NOT NULL,
  PRIMARY KEY (tenant, user_id, hold_id)
);

CREATE TABLE audit (position bigint PRIMARY KEY, record text NOT NULL, changed_on timestamptz NOT NULL DEFAULT now());
`

function fence(table: string): string {
  const own =
    `tenant = current_setting('${tenantSetting}', true) AND ` +
    `user_id = current_setting('${userSetting}', true)`
  return `
ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON ${table} TO ${roles.data} USING (${own}) WITH CHECK (${own});
GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${roles.data};`
}

const systemFunctions = [
  systemFunction(
    'append_audit(line text)',
    'void',
    `BEGIN
      PERFORM pg_advisory_xact_lock(hashtextextended('ringfence.audit', 0));
      INSERT INTO audit (position, record) SELECT coalesce(max(position), -1) + 1, line FROM audit;
    END`,
  ),
  systemFunction(
    'read_audit(past bigint, most integer)',
    'SETOF audit',
    `BEGIN
      RETURN QUERY SELECT * FROM audit WHERE position > past ORDER BY position LIMIT most;
    END`,
  ),
  systemFunction(
    'inspect()',
    'TABLE (owners bigint, runs bigint, threads bigint, approvals bigint, keys bigint, accounts bigint, lines bigint)',
    `BEGIN
      RETURN QUERY SELECT
        (SELECT count(*) FROM (
          SELECT r.tenant, r.user_id FROM runs r UNION SELECT t.tenant, t.user_id FROM threads t
          UNION SELECT a.tenant, a.user_id FROM approvals a UNION SELECT k.tenant, k.user_id FROM idempotency_keys k
          UNION SELECT l.tenant, l.user_id FROM ledger_accounts l) known),
        (SELECT count(*) FROM runs), (SELECT count(*) FROM threads), (SELECT count(*) FROM approvals),
        (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM ledger_accounts), (SELECT count(*) FROM audit);
    END`,
  ),
  systemFunction(
    'sweep(moment double precision, said text)',
    'TABLE (keys bigint, expired bigint)',
    `DECLARE dropped bigint; lapsed bigint;
    BEGIN
      DELETE FROM idempotency_keys WHERE expires_at <= moment OR (NOT confirmed AND lease_until <= moment);
      GET DIAGNOSTICS dropped = ROW_COUNT;
      UPDATE approvals SET status = 'expired', resolved_at = said, changed_on = now()
        WHERE status = 'pending' AND expires_ms <= moment;
      GET DIAGNOSTICS lapsed = ROW_COUNT;
      RETURN QUERY SELECT dropped, lapsed;
    END`,
  ),
  systemFunction(
    'abandoned_runs(claimant text, leased interval, most integer)',
    'TABLE (tenant text, user_id text, run_id text, agent text, attempt integer)',
    `BEGIN
      RETURN QUERY UPDATE runs SET attempt = runs.attempt + 1, worker = claimant, changed_on = now()
        WHERE (runs.tenant, runs.user_id, runs.run_id) IN (
          SELECT r.tenant, r.user_id, r.run_id FROM runs r
          WHERE r.ended_at IS NULL AND r.job_id IS NULL AND r.worker IS DISTINCT FROM claimant
            AND NOT EXISTS (SELECT 1 FROM processes p WHERE p.process_id = r.worker AND p.seen_on > now() - leased)
          ORDER BY r.position LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING runs.tenant, runs.user_id, runs.run_id, runs.agent, runs.attempt;
    END`,
  ),
  systemFunction(
    'cancellations(holder text)',
    'TABLE (tenant text, user_id text, run_id text, attempt integer, cancel_reason text)',
    `BEGIN
      RETURN QUERY SELECT r.tenant, r.user_id, r.run_id, r.attempt, r.cancel_reason FROM runs r
        WHERE r.worker = holder AND r.ended_at IS NULL AND r.cancel_reason IS NOT NULL;
    END`,
  ),
  systemFunction(
    'retire(runs_before timestamptz, events_before timestamptz, threads_before timestamptz, audit_before timestamptz)',
    'TABLE (runs bigint, events bigint, threads bigint, approvals bigint, windows bigint, lines bigint)',
    `DECLARE gone_runs bigint; gone_events bigint; gone_threads bigint; gone_approvals bigint; gone_windows bigint; gone_lines bigint;
    BEGIN
      DELETE FROM approvals a USING runs r WHERE r.ended_at IS NOT NULL AND r.changed_on < runs_before
        AND (a.tenant, a.user_id, a.run_id) = (r.tenant, r.user_id, r.run_id);
      GET DIAGNOSTICS gone_approvals = ROW_COUNT;
      WITH old AS (SELECT r.tenant, r.user_id, r.run_id FROM runs r WHERE r.ended_at IS NOT NULL AND r.changed_on < runs_before),
        gone AS (DELETE FROM events e USING old WHERE (e.tenant, e.user_id, e.run_id) = (old.tenant, old.user_id, old.run_id) RETURNING 1)
        SELECT count(*) INTO gone_events FROM gone;
      DELETE FROM runs r WHERE r.ended_at IS NOT NULL AND r.changed_on < runs_before;
      GET DIAGNOSTICS gone_runs = ROW_COUNT;
      WITH old AS (UPDATE runs r SET first_seq = r.last_seq
          WHERE r.ended_at IS NOT NULL AND r.changed_on < events_before AND r.first_seq < r.last_seq
          RETURNING r.tenant, r.user_id, r.run_id, r.last_seq),
        gone AS (DELETE FROM events e USING old WHERE (e.tenant, e.user_id, e.run_id) = (old.tenant, old.user_id, old.run_id)
          AND e.seq < old.last_seq RETURNING 1)
        SELECT gone_events + count(*) INTO gone_events FROM gone;
      DELETE FROM threads t WHERE t.changed_on < threads_before;
      GET DIAGNOSTICS gone_threads = ROW_COUNT;
      DELETE FROM ledger_sums s WHERE (s.period = 'hour' AND s.changed_on < now() - interval '2 days')
        OR (s.period = 'day' AND s.changed_on < now() - interval '62 days')
        OR (s.period = 'month' AND s.changed_on < now() - interval '24 months')
        OR (s.period = 'run' AND s.changed_on < runs_before);
      GET DIAGNOSTICS gone_windows = ROW_COUNT;
      DELETE FROM audit l WHERE l.changed_on < audit_before AND l.position < (SELECT max(position) FROM audit);
      GET DIAGNOSTICS gone_lines = ROW_COUNT;
      RETURN QUERY SELECT gone_runs, gone_events, gone_threads, gone_approvals, gone_windows, gone_lines;
    END`,
  ),
].join('')

/** The processes that execute runs themselves, without the queue. They hold nothing of anybody. */
const processes = `
CREATE TABLE processes (process_id text PRIMARY KEY, seen_on timestamptz NOT NULL DEFAULT now());
GRANT SELECT, INSERT, UPDATE, DELETE ON processes TO ${roles.data};
`

/** The first shape of the store. Published: it never changes; what is to be different is a version of its own. */
export const version1: string = `
${tables}
${processes}
${ownedTables.map(fence).join('\n')}
GRANT USAGE ON SEQUENCE thread_writes TO ${roles.data};
GRANT USAGE ON SCHEMA ringfence TO ${roles.data};
${systemFunctions}
`
