export { seededRandom as randomOf } from '../../src/testing/seeded-random.ts'
