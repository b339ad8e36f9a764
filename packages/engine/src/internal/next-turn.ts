/** Lets whatever else is waiting in the process have its turn: timers, sockets, other users. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1)
  })
}
