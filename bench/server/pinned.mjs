// Processes that are kept on one core each, so that a server and what loads it do not take it from each other.
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const taskset = ['/usr/bin/taskset', '/bin/taskset'].find((path) => existsSync(path))

/** Whether this machine has a way to do it. */
export const canPin = taskset !== undefined

export async function start(file, args, { node = process.execPath, core, flags = [] } = {}) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const options = { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }
  const child =
    taskset === undefined || core === undefined
      ? fork(path, args, { ...options, execPath: node, execArgv: flags })
      : fork(path, args, {
          ...options,
          execPath: taskset,
          execArgv: ['-c', String(core), node, ...flags],
        })
  const next = () =>
    new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`${file} ${args.join(' ')} ended: ${code}`))
      child.once('exit', ended)
      child.once('message', (message) => {
        child.off('exit', ended)
        resolve(message)
      })
    })
  const first = await next()
  return {
    first,
    async ask(question) {
      const answer = next()
      child.send(question)
      return (await answer).answer
    },
    async end() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.removeAllListeners('message')
      child.kill('SIGKILL')
      await ended
    },
  }
}
