/** Answers what the process asks that started this one, and ends with it. `ready` is what that one is told at first. */
export function answer(does, ready = {}) {
  const say = async (asked) => process.send({ answer: await does(asked) })
  process.on('message', (asked) => void say(asked))
  process.on('disconnect', () => process.exit())
  process.send(ready)
}
