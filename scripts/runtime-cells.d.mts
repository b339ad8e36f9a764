/** A test file as a JSON report of vitest describes it. */
export interface FileResult {
  name: string
  status: string
  assertionResults: readonly { title: string; status: string }[]
}

/** A runtime's results, by test file, relative to the root of the repository. */
export type Results = ReadonlyMap<string, FileResult>

/** `all tests`, `portable tests` (all but `*.node.test.ts`), `some tests`, `fails`, or `–`. */
export declare const packageCell: (files: readonly string[], results: Results) => string

/** `yes`, `exempt` (a test says what the runtime does instead), `fails`, or `–`. */
export declare const ruleCell: (number: number, results: Results) => string

/** The cells of all rules in one. */
export declare const rulesCell: (cells: readonly string[]) => string

/** A table. */
export declare const markdownTable: (
  head: readonly string[],
  rows: readonly (readonly string[])[],
) => string

/** The text with the table between its markers. Throws where there are none. */
export declare const between: (text: string, table: string) => string
