import * as z from 'zod'
import { type ActionsOutput, actionsOutput } from '../stages/actions.ts'
import { type DataOutput, dataOutput } from '../stages/data.ts'
import { type OptimizationOutput, optimizationOutput } from '../stages/optimization.ts'
import { type TriageOutput, triageOutput } from '../stages/triage.ts'
import { type OwnedWorkload, ownedWorkload } from './owned-workload.ts'

/** What triage hands on: each stage adds its own result to what it was fed. */
export interface Triaged {
  readonly rows: OwnedWorkload
  readonly triage: TriageOutput
}

export interface Computed extends Triaged {
  readonly data: DataOutput
}

export interface Searched extends Computed {
  readonly optimization: OptimizationOutput
}

/** From here on the rows are not needed and not handed on. */
export interface Answered {
  readonly triage: TriageOutput
  readonly data: DataOutput
  readonly optimization: OptimizationOutput
  readonly actions: ActionsOutput
}

export const triaged: z.ZodType<Triaged> = z.object({ rows: ownedWorkload, triage: triageOutput })

export const computed: z.ZodType<Computed> = z.object({
  rows: ownedWorkload,
  triage: triageOutput,
  data: dataOutput,
})

export const searched: z.ZodType<Searched> = z.object({
  rows: ownedWorkload,
  triage: triageOutput,
  data: dataOutput,
  optimization: optimizationOutput,
})

export const answered: z.ZodType<Answered> = z.object({
  triage: triageOutput,
  data: dataOutput,
  optimization: optimizationOutput,
  actions: actionsOutput,
})
