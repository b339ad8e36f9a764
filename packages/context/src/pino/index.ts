export { scopeMixin, type ScopeBindings, type ScopeMixinOptions } from './scope-mixin.ts'
