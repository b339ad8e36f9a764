import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'vitest'
import { inspect, runOutside, type Scope } from '../../src/index.ts'
import { users } from './users.ts'

type RuntimeName = 'node' | 'bun' | 'deno' | 'workerd'

/** Where this test runs. */
export const runtimeName: RuntimeName = findName()

function findName(): RuntimeName {
  if (process.versions['bun'] !== undefined) return 'bun'
  if (process.versions['deno'] !== undefined) return 'deno'
  const agent: unknown = Reflect.get(globalThis, 'navigator')?.userAgent
  return agent === 'Cloudflare-Workers' ? 'workerd' : 'node'
}

/** Whether context is carried by async_hooks: on Node only, and not on every one. */
export const byAsyncHooks: boolean = inspect().mode === 'async-hooks'

/** What differs between the runtimes, said once for each. `hooks` is Node's where it carries context by async_hooks. */
export function perRuntime<Value>(
  values: Readonly<Record<RuntimeName, Value>> & { readonly hooks?: Value },
): Value {
  return byAsyncHooks ? (values.hooks ?? values.node) : values[runtimeName]
}

/** `test` where the condition holds. Elsewhere there is no such test, rather than one that is skipped. */
export function testWhere(
  condition: boolean,
  title: string,
  body: () => Promise<void> | void,
): void {
  // What these are about stands where it is called.
  // oxlint-disable-next-line vitest/expect-expect, vitest/no-conditional-tests, vitest/valid-title
  if (condition) test(title, body)
}

/** The platform's own carrier, for what happens to whoever uses it alone. */
export const plain: AsyncLocalStorage<string> = new AsyncLocalStorage()
export const plainUser = (): string => plain.getStore() ?? 'nobody'

/** Who the code that asks runs as. */
export const whoAmI = (): string => users.tryCurrent()?.userId ?? 'nobody'

/** Runs the callback in a root scope of that user, whatever scope the caller is in. */
export function runAs<Result>(
  userId: string,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  return runOutside(() => users.run({ userId }, callback))
}
