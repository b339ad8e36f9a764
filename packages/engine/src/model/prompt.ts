import { propertyOf } from '../internal/property-of.ts'
import type {
  LanguageModel,
  FilePartV3,
  FilePartV4,
  ModelMessage,
  TextPart,
} from './language-model.ts'

/** A file that the model is shown: bytes, base64 text, or an address that the provider reads for itself. */
export interface PromptFile {
  readonly type: 'file'
  /** `image/png`, `application/pdf`. */
  readonly mediaType: string
  readonly data: Uint8Array | string | URL
  readonly filename?: string
}

/** What a user says to a model. */
export type PromptContent =
  | string
  | readonly (PromptFile | { readonly type: 'text'; readonly text: string })[]

/** A file, as the versions of the specification have it. */
export type FilePart = FilePartV3 | FilePartV4

/** A message of the conversation with a model of whichever version. */
export type Message = ModelMessage<FilePart>

/** What the user says, as this model's version of the specification has it. */
export function userMessage(
  content: PromptContent,
  version: LanguageModel['specificationVersion'],
): Message {
  if (typeof content === 'string')
    return { role: 'user', content: [{ type: 'text', text: content }] }
  return {
    role: 'user',
    content: content.map((part): TextPart | FilePart =>
      part.type === 'text' ? { type: 'text', text: part.text } : fileOf(part, version),
    ),
  }
}

function fileOf(
  { mediaType, data, filename }: PromptFile,
  version: LanguageModel['specificationVersion'],
): FilePart {
  const facts = {
    type: 'file' as const,
    mediaType,
    ...(filename === undefined ? {} : { filename }),
  }
  if (version === 'v3') return { ...facts, data }
  return {
    ...facts,
    data: data instanceof URL ? { type: 'url', url: data } : { type: 'data', data },
  }
}

/** An input that no `prompt` turns into words: its `message`, or all of it as JSON. */
export function defaultPrompt(input: unknown): string {
  return wordsOf(input, 'message')
}

/** A value as something that is said: the text that it is, or has in this one field, or all of it as JSON. */
export function wordsOf(value: unknown, field: 'message' | 'text'): string {
  if (typeof value === 'string') return value
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 1) {
    const words = propertyOf(value, field)
    if (typeof words === 'string') return words
  }
  return JSON.stringify(value) ?? ''
}
