import type { LanguageModelV3 as LanguageModelV3OfAi7, LanguageModelV4 } from '@ai-sdk/provider'
import type { LanguageModelV3 } from 'provider-3'
import { expectTypeOf, test } from 'vitest'
import type { LanguageModel } from '../src/model/language-model.ts'

test('a model of either version of the provider specification is a language model', () => {
  expectTypeOf<LanguageModelV3>().toExtend<LanguageModel>()
  expectTypeOf<LanguageModelV3OfAi7>().toExtend<LanguageModel>()
  expectTypeOf<LanguageModelV4>().toExtend<LanguageModel>()
})

test('the name of a model is none: it would be looked up in a gateway that all users share', () => {
  expectTypeOf<string>().not.toExtend<LanguageModel>()
})
