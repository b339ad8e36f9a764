import type { RingfenceOptions } from '../handler/options.ts'

/** Writes down that an owner was revoked, given by the canonical spelling. The revocation stands, whatever becomes of the line. */
export function recordRevocation(
  { audit, logger }: Pick<RingfenceOptions, 'audit' | 'logger'>,
  owner: string,
): void {
  if (audit === undefined) return
  const entry = {
    actor: { kind: 'system', name: 'revocations' },
    action: 'owner.revoke',
    resource: { type: 'owner', id: owner },
    outcome: 'done',
    source: {},
  } as const
  void audit.log.append(entry).catch((failure: unknown) => {
    const errorName = failure instanceof Error ? failure.name : typeof failure
    logger?.error({ errorName }, 'audit log failed')
  })
}
