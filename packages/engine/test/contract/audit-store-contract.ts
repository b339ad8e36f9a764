import { describe, expect, test } from 'vitest'
import type { EngineStore, NewAuditRecord } from '../../src/index.ts'
import { runAsSystem } from '../../src/system/system-scope.ts'
import { engineError } from '../support/caught.ts'
import { alice, bob, users } from '../support/users.ts'

const line: NewAuditRecord = {
  actor: { kind: 'user', owner: bob },
  action: 'approve',
  resource: { type: 'approval', id: 'a', owner: alice },
  outcome: 'begun',
  at: new Date(0).toISOString(),
}

/** What every audit trail promises. */
export function auditStoreContract(name: string, make: () => Promise<EngineStore>): void {
  describe(`${name} as an audit trail`, () => {
    test('what is added stands there in order, and can only be added to', async () => {
      const { audit } = await make()
      const changing = { ...line, resource: { ...line.resource } }
      await audit.append(changing)
      changing.resource.id = 'changed'
      await users.run(alice, () => audit.append({ ...line, outcome: 'done', counts: { runs: 2 } }))
      const { records } = await runAsSystem('inspect', () => audit.read())
      expect(records).toEqual([
        { ...line, position: 0 },
        { ...line, outcome: 'done', counts: { runs: 2 }, position: 1 },
      ])
      expect(Object.isFrozen(records[0]?.resource)).toBe(true)
      const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(audit))
      expect(methods).not.toEqual(expect.arrayContaining(['delete', 'update', 'forget']))
    })

    test('it is read in pages, and in the system scope alone', async () => {
      const { audit } = await make()
      for (let index = 0; index < 5; index += 1) await audit.append(line)
      const first = await runAsSystem('inspect', () => audit.read({ limit: 2 }))
      expect(first).toMatchObject({ records: [{ position: 0 }, { position: 1 }], next: 1 })
      const rest = await runAsSystem('inspect', () => audit.read({ after: first.next, limit: 3 }))
      expect(rest.records.map(({ position }) => position)).toEqual([2, 3, 4])
      expect(rest).not.toHaveProperty('next')
      expect((await engineError(() => audit.read())).code).toBe('SYSTEM_ONLY')
      const asUser = await users.run(alice, () => engineError(() => audit.read()))
      expect(asUser.code).toBe('SYSTEM_ONLY')
      const elsewhere = await engineError(() => runAsSystem('forget', () => audit.read()))
      expect(elsewhere.code).toBe('SYSTEM_ONLY')
    })
  })
}
