import { Task } from './task.ts'

/** How a promise that was given out already is settled. */
export interface Settlement<Result> {
  resolve: (value: Result) => void
  reject: (error: unknown) => void
}

/** A promise and the way to settle it later. */
export function openPromise<Result>(): [promise: Promise<Result>, settlement: Settlement<Result>] {
  const settlement: Settlement<Result> = { resolve: unset, reject: unset }
  return [new Promise<Result>((resolve, reject) => fill(settlement, resolve, reject)), settlement]
}

/** A task and the way to settle it later. */
export function openTask<Result>(): [task: Task<Result>, settlement: Settlement<Result>] {
  const settlement: Settlement<Result> = { resolve: unset, reject: unset }
  return [new Task<Result>((resolve, reject) => fill(settlement, resolve, reject)), settlement]
}

function fill<Result>(
  settlement: Settlement<Result>,
  resolve: (value: Result) => void,
  reject: (error: unknown) => void,
): void {
  settlement.resolve = resolve
  settlement.reject = reject
}

const unset = (): void => undefined
