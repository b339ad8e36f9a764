// For Node: an audit log in a file.
export { auditFile, verifyAuditFile } from './audit-file.ts'
