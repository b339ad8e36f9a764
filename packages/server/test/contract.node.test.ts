import { testFaces } from './support/face-contract.ts'
import { facesWithSockets } from './support/faces-with-sockets.ts'

testFaces(facesWithSockets)
