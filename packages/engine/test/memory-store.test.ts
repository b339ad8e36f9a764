import { MemoryStore } from '../src/index.ts'
import { approvalStoreContract } from './contract/approval-store-contract.ts'
import { auditStoreContract } from './contract/audit-store-contract.ts'
import { idempotencyStoreContract } from './contract/idempotency-store-contract.ts'
import { systemStoreContract } from './contract/system-store-contract.ts'
import { threadStoreContract } from './contract/thread-store-contract.ts'

const name = 'the memory store'

systemStoreContract(name, async () => new MemoryStore())
threadStoreContract(name, async (threads) => new MemoryStore({ threads }))
approvalStoreContract(
  name,
  async (pendingPerOwner) => new MemoryStore({ approvals: { pendingPerOwner } }),
)
idempotencyStoreContract(
  name,
  async (keysPerOwner) => new MemoryStore({ idempotency: { keysPerOwner } }),
)
auditStoreContract(name, async () => new MemoryStore())
