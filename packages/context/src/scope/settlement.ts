import { Task } from './task.ts'

/** How a promise that was given out already is settled. */
export interface Settlement<Result> {
  resolve: (value: Result) => void
  reject: (error: unknown) => void
}

/** A task and the way to settle it later. */
export function openTask<Result>(): [task: Task<Result>, settlement: Settlement<Result>] {
  const settlement: Settlement<Result> = { resolve: unset, reject: unset }
  const task = new Task<Result>((resolve, reject) => {
    settlement.resolve = resolve
    settlement.reject = reject
  })
  return [task, settlement]
}

const unset = (): void => undefined
