import { createIsolate, type Isolate, type Lifetime } from './isolate.ts'

let isolate: Isolate | undefined

/** What workerd calls. The isolate comes to be with its first request: before, it has no bindings to be made of. */
const worker: {
  fetch(request: Request, bindings: unknown, lifetime: Lifetime): Promise<Response>
} = {
  fetch(request, bindings, lifetime) {
    isolate ??= createIsolate(bindings)
    return isolate(request, lifetime)
  },
}

export default worker
