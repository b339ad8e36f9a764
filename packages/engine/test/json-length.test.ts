import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonLength } from '../src/internal/json-length.ts'

describe('the length of JSON', () => {
  it('is that of what JSON writes, whatever the value is', () => {
    const plain = fc.object({
      maxDepth: 8,
      withNullPrototype: true,
      withDate: true,
      values: [
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'grapheme' }),
        fc.double(),
        fc.integer(),
        fc.boolean(),
        fc.constantFrom(null, undefined, -0, '\ud800', 'a\u2028"\\\n', '\u007f'),
      ],
    })
    fc.assert(
      fc.property(plain, (value) => {
        expect(jsonLength(value)).toBe(JSON.stringify(value).length)
      }),
    )
  })

  it('is that of lists with holes, of what says itself how it is written, and of what JSON leaves out', () => {
    const sparse: unknown[] = ['first']
    sparse[3] = 'fourth'
    for (const value of [
      sparse,
      new Date(0),
      { toJSON: () => 'short' },
      { field: { toJSON: () => [1, 2] } },
      { kept: 1, left: () => 1, out: Symbol('out') },
      new Map([[1, 2]]),
      Object.create({ inherited: 1 }),
      [undefined, () => 1],
    ]) {
      expect(jsonLength(value)).toBe(JSON.stringify(value).length)
    }
  })

  it('throws what JSON throws', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    expect(() => jsonLength(cyclic)).toThrow(TypeError)
    expect(() => jsonLength({ deep: [1n] })).toThrow(TypeError)
  })
})
