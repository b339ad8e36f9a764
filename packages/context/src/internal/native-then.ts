/**
 * The platform's own `then`, whose reactions run in the context of the code that registered them. Undefined
 * where somebody has replaced it (zone.js does): what runs reactions in its own way may run them anywhere.
 */
export function nativeThen(): unknown {
  const then: unknown = Reflect.get(Promise.prototype, 'then')
  if (typeof then !== 'function' || then.name !== 'then') return undefined
  return Function.prototype.toString.call(then).includes('[native code]') ? then : undefined
}
