import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'

export interface User {
  readonly id: string
  readonly plan: 'free' | 'pro'
}

/** Who has signed in, by what their cookie says. The application's own: an agent server inside of it asks, and knows no more. */
export class SignIns {
  readonly #users = new Map<string, User>()

  add(c: Context, user: User): void {
    const id = crypto.randomUUID()
    this.#users.set(id, user)
    setCookie(c, 'sign-in', id, { httpOnly: true, sameSite: 'Lax', path: '/' })
  }

  userOf(c: Context): User | undefined {
    return this.#users.get(getCookie(c, 'sign-in') ?? '')
  }
}
