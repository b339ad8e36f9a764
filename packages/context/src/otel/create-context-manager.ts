import { ROOT_CONTEXT, type Context, type ContextManager } from '@opentelemetry/api'
import { createVariable, type Variable } from '../variable/create-variable.ts'
import { bindEmitterTo, isEmitter } from './bind-emitter-to.ts'

type AnyFunction = (this: unknown, ...parameters: unknown[]) => unknown

/**
 * A ContextManager for OpenTelemetry that keeps its context in Ringfence's own AsyncLocalStorage: traces and
 * scopes share one, and an `await` pays for one. What is bound with Ringfence's `bind` brings its trace home;
 * `runOutside` leaves trace and scope.
 *
 * Follows what OpenTelemetry documents of a ContextManager. It has no `attach`: there is no way into a context
 * but a callback, so nothing can leak out of one.
 *
 * @example
 * context.setGlobalContextManager(createContextManager().enable())
 */
export function createContextManager(): ContextManager {
  return new ScopeContextManager()
}

class ScopeContextManager implements ContextManager {
  #variable = createContextVariable()
  readonly #emitters = new WeakSet<object>()

  active(): Context {
    return this.#variable.get()
  }

  with<
    Parameters extends unknown[],
    Callback extends (...args: Parameters) => ReturnType<Callback>,
  >(
    context: Context,
    callback: Callback,
    thisArgument?: ThisParameterType<Callback>,
    ...parameters: Parameters
  ): ReturnType<Callback> {
    return this.#variable.run(context, () => Reflect.apply(callback, thisArgument, parameters))
  }

  bind<Target>(context: Context, target: Target): Target {
    if (isFunction(target)) {
      // A bound function is called as the one it stands for.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return this.#bindFunction(context, target) as Target
    }
    if (isEmitter(target) && !this.#emitters.has(target)) {
      this.#emitters.add(target)
      bindEmitterTo(target, (listener) => this.#bindFunction(context, listener))
    }
    return target
  }

  enable(): this {
    return this
  }

  /** From here on nothing that was set before is active any more, not even in work that is under way. */
  disable(): this {
    this.#variable = createContextVariable()
    return this
  }

  #bindFunction(context: Context, target: AnyFunction): AnyFunction {
    // At the time of the call: what was bound before disable() still works after it.
    const run = (callback: () => unknown): unknown => this.#variable.run(context, callback)
    const bound: AnyFunction = function (...parameters) {
      return run(() => target.apply(this, parameters))
    }
    return Object.defineProperties(bound, {
      length: { value: target.length, configurable: true },
      name: { value: target.name, configurable: true },
    })
  }
}

function createContextVariable(): Variable<Context> {
  return createVariable({ name: 'opentelemetry', defaultValue: ROOT_CONTEXT })
}

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}
