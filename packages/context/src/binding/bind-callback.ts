import { checkFunction } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'

/**
 * A function that runs in the scope that is current now, whoever calls it and whenever (I7). `this`, the
 * arguments, `length` and `name` are those of the original. Throws `NO_SCOPE` when there is no scope to bind
 * to; the bound function throws `SCOPE_CLOSED` after the scope has closed (I5).
 */
export function bindCallback<This, Arguments extends unknown[], Result>(
  callback: (this: This, ...parameters: Arguments) => Result,
): (this: This, ...parameters: Arguments) => Result {
  checkFunction('bind()', 'callback', callback)
  const work = callback.name === '' ? 'a bound callback' : callback.name
  const home = takeHome(work, `bind "${work}"`, callback)
  const attempt = `call "${work}"`
  const { length, name } = callback
  // Out of a list, so that it gets no name from what holds it.
  const [bound] = [
    function (this: This, ...parameters: Arguments): Result {
      return home.enter(attempt, () => callback.apply(this, parameters))
    },
  ]
  // What is as it should be already is not defined again: that costs more than all the rest.
  if (bound.length !== length) defineConstant(bound, 'length', length)
  if (bound.name !== name) defineConstant(bound, 'name', name)
  return bound
}

function defineConstant(bound: object, property: 'length' | 'name', value: unknown): void {
  Object.defineProperty(bound, property, { value, configurable: true })
}
