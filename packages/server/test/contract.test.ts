// Nothing of Node in here: every runtime has these faces.
import { testFaces } from './support/face-contract.ts'
import { facesWithoutSockets } from './support/faces-without-sockets.ts'

testFaces(facesWithoutSockets)
