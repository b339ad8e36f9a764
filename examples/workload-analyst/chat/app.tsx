import { type ReactElement, useEffect, useMemo, useState } from 'react'
import { createClient } from '../page/client.ts'
import { Chats } from './chats.tsx'
import { SignIn } from './sign-in.tsx'
import { forgetOthers } from './kept-messages.ts'
import { addressOf, userOfAddress } from './signed-in.ts'

/** The whole page: who signs in, or what they ask. */
export const App = (): ReactElement => {
  const [userId, setUserId] = useState(userOfAddress)
  useEffect(() => {
    const follow = (): void => setUserId(userOfAddress())
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  const client = useMemo(() => (userId === undefined ? undefined : createClient(userId)), [userId])
  useEffect(() => {
    // After the chat before has kept what it had.
    forgetOthers(userId)
    document.title = `${userId === undefined ? '' : `${userId} · `}Questions · Workload analyst`
  }, [userId])

  if (client === undefined) {
    return (
      <SignIn
        signIn={(name) => {
          location.hash = addressOf(name)
        }}
      />
    )
  }
  const signOut = (): void => {
    location.hash = ''
  }
  return <Chats key={client.userId} client={client} signOut={signOut} />
}
