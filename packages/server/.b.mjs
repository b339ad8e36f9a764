import { defineUserContext } from '@ringfence/context'
import * as z from 'zod'
import { AgentRegistry, createExecutionEngine, defineAgent, defineTool } from '@ringfence/engine'
const users = defineUserContext('u', z.object({}))
const look = defineTool({ name:'look', input: z.object({text:z.string()}), output: z.string(), run: ({text})=>text.toUpperCase() })
const work = defineAgent({ name:'work', input: z.object({text:z.string()}), output: z.object({text:z.string()}), run: async ({text}, agent)=>{ await agent.think('x'); return { text: await agent.call(look,{text}) } } })
const engine = createExecutionEngine({ agents: new AgentRegistry().register(work).freeze() })
async function some(n){ for (let i=0;i<n;i++) await users.run({userId:'u'+(i%40)}, async()=> (await engine.start('work',{text:'x'})).result) }
await some(2000)
for (let r=0;r<3;r++){ const t=process.cpuUsage(); await some(3000); const u=process.cpuUsage(t); console.log(((u.user+u.system)/3000).toFixed(1),'us/run') }
