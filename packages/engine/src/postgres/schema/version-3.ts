/**
 * Which delivery of its job a run was taken with: a worker that was stopped between the two, and goes on when the job
 * was delivered to another one, does not take the run from it.
 */
export const version3: string = `
ALTER TABLE runs ADD COLUMN delivered integer NOT NULL DEFAULT -1;
`
