import type { Route } from '../handler/route.ts'
import { listAgents } from './agents.ts'
import { runAgUi } from './ag-ui.ts'
import { approve, deny, listApprovals, readApproval } from './approvals.ts'
import { resumeChat, sendChat, stopChat } from './chat.ts'
import { openapi } from './openapi.ts'
import { live, ready } from './probes.ts'
import { followRun } from './run-events.ts'
import { cancelRun, listRuns, readRun } from './runs.ts'
import { openChatSocket, openSocket } from './socket.ts'
import { startRun } from './start-run.ts'
import { deleteThread, listThreads, readMessages, readThread } from './threads.ts'
import { issueTicket } from './tickets.ts'

/** Every route of a handler but the demo's. */
export const routes: readonly Route[] = [
  listAgents,
  startRun,
  listRuns,
  readRun,
  followRun,
  cancelRun,
  sendChat,
  resumeChat,
  stopChat,
  openChatSocket,
  runAgUi,
  listThreads,
  readThread,
  readMessages,
  deleteThread,
  listApprovals,
  readApproval,
  approve,
  deny,
  issueTicket,
  openSocket,
  live,
  ready,
  openapi,
]
