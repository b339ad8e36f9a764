import type { LanguageModelV3 as LanguageModelV3OfAi7, LanguageModelV4 } from '@ai-sdk/provider'
import type { LanguageModelV3 } from 'provider-3'
import { expectTypeOf, test } from 'vitest'
import type { LanguageModel } from '../src/model/language-model.ts'
import { scriptedModel, type ScriptedModel } from '../src/testing/index.ts'

test('a model of either version of the provider specification is a language model', () => {
  expectTypeOf<LanguageModelV3>().toExtend<LanguageModel>()
  expectTypeOf<LanguageModelV3OfAi7>().toExtend<LanguageModel>()
  expectTypeOf<LanguageModelV4>().toExtend<LanguageModel>()
})

test('the name of a model is none: it would be looked up in a gateway that all users share', () => {
  expectTypeOf<string>().not.toExtend<LanguageModel>()
})

test('a scripted model is a language model, for the AI SDK as well', () => {
  expectTypeOf<ScriptedModel<'v3'>>().toExtend<LanguageModel>()
  expectTypeOf<ScriptedModel<'v4'>>().toExtend<LanguageModel>()
  expectTypeOf<ScriptedModel<'v3'>>().toExtend<LanguageModelV3>()
  expectTypeOf<ScriptedModel<'v3'>>().toExtend<LanguageModelV3OfAi7>()
  expectTypeOf<ScriptedModel<'v4'>>().toExtend<LanguageModelV4>()
  expectTypeOf(scriptedModel(['x'])).toEqualTypeOf<ScriptedModel<'v3'>>()
  expectTypeOf(scriptedModel(['x'], { version: 'v4' })).toEqualTypeOf<ScriptedModel<'v4'>>()
})
