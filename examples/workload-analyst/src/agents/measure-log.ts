import { defineTool, type ToolDefinition } from '@ringfence/engine'
import * as z from 'zod'
import type { TriageInput } from '../stages/triage.ts'

/** How large a log is. */
export interface LogSize {
  readonly characters: number
  readonly lines: number
}

/** Counts the characters and lines of a log, before anything is read out of it. */
export const measureLog: ToolDefinition<TriageInput, LogSize> = defineTool({
  name: 'measure_log',
  description: 'Counts the characters and lines of a log.',
  input: z.object({ log: z.string() }),
  output: z.object({ characters: z.int().min(0), lines: z.int().min(0) }),
  run({ log }) {
    let lines = 0
    for (let at = log.indexOf('\n'); at !== -1; at = log.indexOf('\n', at + 1)) lines += 1
    const lastLineIsOpen = log !== '' && !log.endsWith('\n')
    return { characters: log.length, lines: lines + (lastLineIsOpen ? 1 : 0) }
  },
})
