import type { Owner } from '@ringfence/context'
import { propertyOf } from '../internal/property-of.ts'
import { isCorrection } from '../model/final-answer.ts'

/** A message, of either version of the provider specification and of whoever's loop: read its parts by their type. */
export interface ScriptedMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string | readonly { readonly type: string }[]
}

/** What a model is asked with. */
export type ScriptedPrompt = readonly ScriptedMessage[]

/** What a model is called with; settings that are not named here are there as well. */
export interface ScriptedCallOptions {
  readonly prompt: ScriptedPrompt
  readonly tools?: readonly { readonly type: string; readonly name: string }[]
  readonly toolChoice?: { readonly type: string }
  readonly maxOutputTokens?: number
  readonly temperature?: number
  readonly abortSignal?: AbortSignal
}

/** What a model was asked, once. */
export interface ScriptedCall {
  /** Which step of the script it was, from 0. */
  readonly step: number
  /** Which attempt it was: how many times the very same was asked by then, from 1. */
  readonly attempt: number
  /** Whose scope asked. Undefined outside of one. */
  readonly owner: Owner | undefined
  readonly prompt: ScriptedPrompt
  /** All of it, with tools and settings. */
  readonly options: ScriptedCallOptions
}

/**
 * How often the model has answered since the user's last words. That an answer did not fit its schema is told to it in
 * the user's role, and is none of theirs.
 */
export function stepOf(prompt: ScriptedPrompt): number {
  const last = prompt.findLastIndex((message) => message.role === 'user' && !corrects(message))
  return answersIn(prompt.slice(last + 1))
}

export function answersIn(prompt: ScriptedPrompt): number {
  return prompt.filter(({ role }) => role === 'assistant').length
}

function corrects({ content }: ScriptedMessage): boolean {
  const text = typeof content === 'string' ? content : propertyOf(content[0], 'text')
  return typeof text === 'string' && isCorrection(text)
}
