/** Who the tab speaks as, and in which chat. The address names the user, so that a reload asks nobody again. */
export const userOfAddress = (): string | undefined => {
  try {
    const userId = decodeURIComponent(location.hash.slice(1))
    return userId === '' ? undefined : userId
  } catch {
    return undefined
  }
}

/** Where somebody's chat is. */
export const addressOf = (userId: string): string => `#${encodeURIComponent(userId)}`

const firstChat = 'questions'
const keyOf = (userId: string): string => `chat ${JSON.stringify(userId)}`

/** The chat that the tab was in last as this user. */
export const chatOf = (userId: string): string => sessionStorage.getItem(keyOf(userId)) ?? firstChat

export const rememberChat = (userId: string, chatId: string): void =>
  sessionStorage.setItem(keyOf(userId), chatId)

/** A name for a new chat. It is no secret: nobody else gets into it with it. */
export const newChatId = (): string => `questions-${crypto.randomUUID().slice(0, 8)}`
