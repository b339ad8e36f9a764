import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PriorityQueue } from '../src/scheduling/priority-queue.ts'

interface Item {
  readonly value: number
}

test('whatever is added and removed, the first is the least of what is left', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ value: fc.integer({ min: 0, max: 9 }), remove: fc.boolean(), at: fc.nat() }),
        {
          maxLength: 200,
        },
      ),
      (steps) => {
        const queue = new PriorityQueue<Item>((one, other) => one.value < other.value)
        const model: Item[] = []
        for (const { value, remove, at } of steps) {
          const [gone] = remove ? model.splice(at % Math.max(1, model.length), 1) : []
          const come = { value }
          if (gone === undefined) model.push(come)
          // Twice is once.
          for (const change of [1, 2].map(() => gone)) {
            if (change === undefined) queue.add(come)
            else queue.remove(change)
          }
          expect(queue.has(gone ?? come)).toBe(gone === undefined)
          expect(queue.size).toBe(model.length)
          expect(queue.first?.value).toBe(
            model.length === 0 ? undefined : Math.min(...model.map((item) => item.value)),
          )
        }
      },
    ),
  )
})
