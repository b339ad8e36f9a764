// Nothing of Node in here: every runtime has these faces.
import { describeFace } from './support/face-contract.ts'
import { facesWithoutSockets } from './support/faces-without-sockets.ts'

for (const face of facesWithoutSockets) describeFace(face)
