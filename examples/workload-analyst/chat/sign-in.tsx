import { type ReactElement, useState } from 'react'

const people = ['alice', 'bob'] as const

/** Asks who is there. This is a demo on one's own machine: everybody gets a token for any name. */
export const SignIn = ({ signIn }: { signIn: (userId: string) => void }): ReactElement => {
  const [name, setName] = useState('')
  return (
    <section className="sign-in" aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">Who are you?</h2>
      <p>
        Open this page in two tabs and be two people: each asks about their own log, and nobody gets
        into the other’s conversation.
      </p>
      <div className="people">
        {people.map((userId) => (
          <button key={userId} type="button" data-user={userId} onClick={() => signIn(userId)}>
            <span className="face" aria-hidden="true">
              {userId.charAt(0).toUpperCase()}
            </span>
            <span className="out-of-sight">Sign in as </span>
            {userId}
          </button>
        ))}
      </div>
      <form
        className="somebody"
        onSubmit={(event) => {
          event.preventDefault()
          if (name.trim() !== '') signIn(name.trim())
        }}
      >
        <label>
          <span>Somebody else</span>
          <input
            value={name}
            onChange={({ target }) => setName(target.value)}
            maxLength={64}
            autoComplete="off"
            spellCheck={false}
          />
        </label>
        <button type="submit" className="primary" disabled={name.trim() === ''}>
          Sign in
        </button>
      </form>
    </section>
  )
}
