import { type AgentDefinition, defineAgent } from '@ringfence/engine'
import { count } from '../report/format.ts'
import { actions } from '../stages/actions.ts'
import { type Answered, answered, searched } from './stage-results.ts'

/** Makes the agent that says what to change. */
export const createActionsAgent = (): AgentDefinition<unknown, Answered> =>
  defineAgent({
    name: 'actions',
    description: 'Says what to change, the largest saving first.',
    input: searched,
    output: answered,
    async run({ triage, data, optimization }, agent) {
      const result = actions({ optimization })
      const [first] = result.actions
      await agent.think(
        first === undefined
          ? 'There is nothing to change.'
          : `${count(result.actions.length, 'action')}. First: ${first.title}.`,
      )
      return { triage, data, optimization, actions: result }
    },
  })
