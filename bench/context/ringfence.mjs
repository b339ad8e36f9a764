// What is measured of Ringfence: the build in packages/context/dist.
import * as z from 'zod'

const dist = (file) => import(`../../packages/context/dist/${file}`)

/** A user that the program trusts already. */
export const user = Object.freeze({
  userId: 'alice',
  tenantId: 'acme',
  roles: Object.freeze(['reader']),
  requestId: 'r-1',
})

/** A user as a request brings it: an object of its own. */
export const freshUser = () => ({
  userId: 'alice',
  tenantId: 'acme',
  roles: ['reader'],
  requestId: 'r-1',
})

export async function ringfence() {
  const { defineUserContext } = await dist('index.js')
  return defineUserContext('bench', z.object({}))
}

export const api = () => dist('index.js')

/** Scopes whose context was checked, copied and frozen before: what is left is the scope. */
export async function trusted() {
  const { openRun, openRunSync } = await dist('scope/run.js')
  const { runtime } = await dist('internal/runtime.js')
  const definition = {
    name: 'bench',
    parse: (given) => given,
    extend: (inherited) => inherited,
  }
  return {
    openRun: (given, callback) => openRun(definition, given, undefined, callback),
    openRunSync: (given, callback) => openRunSync(definition, given, callback),
    current: () => {
      const state = runtime().storage.getStore().cell.state
      if (state.definition !== definition) throw new Error('another definition')
      return state.context
    },
  }
}

/** The check, copy and freeze of the built-in fields. */
export async function parseBuiltIn() {
  const { createContextSchema } = await dist('user-context/context-schema.js')
  return createContextSchema('bench', z.object({})).parse
}
