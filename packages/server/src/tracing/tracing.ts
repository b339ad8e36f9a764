/** A request that is being traced. */
export interface RequestTrace {
  /** Runs the request's work, so that what it starts is part of its trace. */
  within<Result>(work: () => Result): Result
  /** The answer has ended. Called once. */
  end(status: number): void
}

/** Traces requests: `createTracing()` of `@ringfence/server/otel` is one. */
export interface Tracing {
  begin(request: {
    readonly method: string
    /** The route's template. */
    readonly route: string
    readonly requestId: string
    readonly headers: Headers
  }): RequestTrace
}
