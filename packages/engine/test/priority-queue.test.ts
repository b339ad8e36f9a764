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
          if (remove && model.length > 0) {
            const [item] = model.splice(at % model.length, 1)
            if (item !== undefined) {
              queue.remove(item)
              queue.remove(item)
              expect(queue.has(item)).toBe(false)
            }
          } else {
            const item = { value }
            model.push(item)
            queue.add(item)
            queue.add(item)
            expect(queue.has(item)).toBe(true)
          }
          expect(queue.size).toBe(model.length)
          expect(queue.first?.value).toBe(
            model.length === 0 ? undefined : Math.min(...model.map((item) => item.value)),
          )
        }
      },
    ),
  )
})
