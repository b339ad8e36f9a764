import { describeFace } from './support/face-contract.ts'
import { facesWithSockets } from './support/faces-with-sockets.ts'

for (const face of facesWithSockets) describeFace(face)
