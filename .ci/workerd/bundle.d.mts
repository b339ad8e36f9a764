interface WorkerdRun {
  exit: number | null
  output: string
}

/** Runs `entry`, bundled with what it imports from `from`, in a worker. */
export declare const runInWorkerd: (options: {
  entry: string
  from?: string
}) => Promise<WorkerdRun>

/** What the workers printed behind `mark`, as JSON; one line each. */
export declare const printedBy: (run: WorkerdRun, mark: string) => unknown[]
