import { auditEntry, type AuditEntry, type NewAuditEntry } from './audit-entry.ts'
import { auditHash, noPrevious } from './audit-hash.ts'

/** Where the last line of a log stands: what to keep elsewhere, so that a log that was cut short can be told. */
export interface AuditHead {
  /** How many lines there are. */
  readonly entries: number
  /** The hash of the last one; 64 zeros where there is none. */
  readonly hash: string
}

/** Where lines are kept. Can be added to, and never changed. */
export interface AuditSink {
  /** What is there already. Asked once, before the first line. */
  open(): Promise<AuditHead>
  /** Keeps lines, in this order. Resolves when they would survive a crash. */
  append(lines: readonly string[]): Promise<void>
  close(): Promise<void>
}

export interface AuditLogOptions {
  readonly sink: AuditSink
  /**
   * At least 32 bytes, kept where whoever can write the lines cannot read it: without it anybody who can write them
   * could write a whole new chain. Default: none, and the chain is only as good as a head that is kept elsewhere.
   */
  readonly key?: Uint8Array
  /** Default: the system's clock. */
  readonly now?: () => number
}

/** An audit log: who did what, to what, with what outcome, when and from where. Never what users wrote. */
export interface AuditLog {
  /**
   * Adds a line, chained to the one before. Resolves when the sink has kept it; rejects with whatever the sink does, and
   * then nothing more is taken: a log with a hole in it is no log. Fields that are not known are refused with TypeError.
   */
  append(entry: NewAuditEntry): Promise<void>
  /** Where the last line that was kept stands. */
  head(): Promise<AuditHead>
  /** Waits for what is being kept, and closes the sink. */
  close(): Promise<void>
}

/**
 * Makes an audit log over a sink. Lines that come while one is being kept are kept together with the next.
 *
 * @example
 * const audit = createAuditLog({ sink: auditFile('/var/log/agents/audit.jsonl'), key })
 * const server = createServer({ engine, auth, audit: { log: audit } })
 */
export function createAuditLog({ sink, key, now = Date.now }: AuditLogOptions): AuditLog {
  const hashOf = auditHash(key)
  let head: Promise<AuditHead> | undefined
  let pending: NewAuditEntry[] = []
  let turn: Promise<void> | undefined
  let failure: { readonly error: unknown } | undefined

  const opened = (): Promise<AuditHead> => (head ??= sink.open())

  async function keep(): Promise<void> {
    const batch = pending
    pending = []
    turn = undefined
    let { entries, hash } = await opened()
    const lines: string[] = []
    for (const entry of batch) {
      const line = {
        position: entries,
        at: new Date(now()).toISOString(),
        ...entry,
        previous: hash,
      }
      hash = await hashOf(line)
      entries += 1
      lines.push(JSON.stringify({ ...line, hash } satisfies AuditEntry))
    }
    await sink.append(lines)
    head = Promise.resolve({ entries, hash })
  }

  let tail: Promise<void> = Promise.resolve()
  return Object.freeze<AuditLog>({
    async append(entry) {
      const zeros = noPrevious
      const probe = {
        ...entry,
        position: 0,
        at: new Date(0).toISOString(),
        previous: zeros,
        hash: zeros,
      }
      const checked = auditEntry.safeParse(JSON.parse(JSON.stringify(probe)))
      if (!checked.success)
        throw new TypeError('An audit entry has only the fields that it may have')
      if (failure !== undefined) throw failure.error
      const {
        position: _position,
        at: _at,
        previous: _previous,
        hash: _hash,
        ...kept
      } = checked.data
      pending.push(kept)
      if (turn === undefined) {
        turn = tail.then(keep).catch((error: unknown) => {
          failure ??= { error }
          throw error
        })
        tail = turn.catch(() => undefined)
      }
      return turn
    },
    async head() {
      await tail
      return opened()
    },
    async close() {
      await tail
      await sink.close()
    },
  })
}
