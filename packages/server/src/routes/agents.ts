import { jsonResponse } from '../handler/json-response.ts'
import type { OwnedRoute } from '../handler/route.ts'

/** What can run, with the schemas of what goes in and comes out. */
export const listAgents: OwnedRoute = {
  method: 'GET',
  path: '/v1/agents',
  contract: {
    summary: 'What can run.',
    answers: { 200: { description: 'The agents, with their schemas.', schema: 'Agents' } },
    problems: [],
  },
  action: 'agents.list',
  handle: ({ core, exchange }) => jsonResponse(exchange, 200, { agents: core.engine.agents() }),
}
