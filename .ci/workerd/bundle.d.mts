interface WorkerdRun {
  exit: number | null
  output: string
}

/** Runs `entry`, bundled with what it imports from `from`, and returns what it printed. */
export declare const runInWorkerd: (options: {
  entry: string
  from?: string
}) => Promise<WorkerdRun>

/** The JSON a worker printed behind `mark`. */
export declare const printedBy: (run: WorkerdRun, mark: string) => unknown
