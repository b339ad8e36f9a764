/** The queues in pg-boss's schema. */
export const queueNames: { readonly runs: 'ringfence-runs'; readonly lost: 'ringfence-lost' } =
  Object.freeze({
    runs: 'ringfence-runs',
    /** Where jobs end up that were delivered as often as may be. */
    lost: 'ringfence-lost',
  })
