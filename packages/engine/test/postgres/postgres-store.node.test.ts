import { approvalStoreContract } from '../contract/approval-store-contract.ts'
import { auditStoreContract } from '../contract/audit-store-contract.ts'
import { idempotencyStoreContract } from '../contract/idempotency-store-contract.ts'
import { ledgerStoreContract } from '../contract/ledger-store-contract.ts'
import { runStoreContract } from '../contract/run-store-contract.ts'
import { systemStoreContract } from '../contract/system-store-contract.ts'
import { threadStoreContract } from '../contract/thread-store-contract.ts'
import { onDurableStores } from '../support/durable-stores.ts'

onDurableStores('the durable store', (name, { open }) => {
  runStoreContract(name, async () => {
    const store = await open()
    return { store: store.runs, dispose: () => store.close() }
  })
  systemStoreContract(name, () => open())
  threadStoreContract(name, (threads) => open({ threads }))
  approvalStoreContract(name, (pendingPerOwner) => open({ approvals: { pendingPerOwner } }))
  idempotencyStoreContract(name, (keysPerOwner) => open({ idempotency: { keysPerOwner } }))
  auditStoreContract(name, () => open())
  ledgerStoreContract(async () => (await open()).ledger)
})
