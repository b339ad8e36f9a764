import { MemoryStore } from '../src/index.ts'
import { systemStoreContract } from './contract/system-store-contract.ts'

systemStoreContract('the memory store', async () => new MemoryStore())
