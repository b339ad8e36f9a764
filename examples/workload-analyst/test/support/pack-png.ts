import { crc32, deflateSync, inflateSync } from 'node:zlib'

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const whole = Buffer.alloc(body.length + 8)
  whole.writeUInt32BE(data.length, 0)
  body.copy(whole, 4)
  whole.writeUInt32BE(crc32(body), body.length + 4)
  return whole
}

const nearest = (left: number, up: number, corner: number): number => {
  const guess = left + up - corner
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(guess - value))
  if ((a ?? 0) <= (b ?? 0) && (a ?? 0) <= (c ?? 0)) return left
  return (b ?? 0) <= (c ?? 0) ? up : corner
}

/** Takes the line filters of a PNG out again. Flat colours, as a page has them, are smaller without. */
const unfilter = (data: Buffer, width: number, height: number, step: number): Buffer => {
  const stride = width * step
  const plain = Buffer.alloc((stride + 1) * height)
  for (let row = 0; row < height; row += 1) {
    const start = row * (stride + 1)
    const filter = data[start]
    for (let at = start + 1; at <= start + stride; at += 1) {
      const left = at - start > step ? (plain[at - step] ?? 0) : 0
      const up = row > 0 ? (plain[at - stride - 1] ?? 0) : 0
      const corner = row > 0 && at - start > step ? (plain[at - stride - 1 - step] ?? 0) : 0
      const guesses = [0, left, up, (left + up) >> 1, nearest(left, up, corner)]
      plain[at] = ((data[at] ?? 0) + (guesses[filter ?? 0] ?? 0)) & 255
    }
  }
  return plain
}

/** Writes a PNG of 8-bit RGB or RGBA again, smaller, with the same pixels. */
export const packPng = (png: Buffer): Buffer => {
  const chunks: { type: string; data: Buffer }[] = []
  for (let at = signature.length; at < png.length;) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    chunks.push({ type, data: png.subarray(at + 8, at + 8 + length) })
    at += length + 12
  }
  const header = chunks.find(({ type }) => type === 'IHDR')?.data ?? Buffer.alloc(13)
  const pixels = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data))
  const step = header[9] === 6 ? 4 : 3
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const plain = unfilter(inflateSync(pixels), width, height, step)
  const packed = deflateSync(plain, { level: 9 })
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', packed),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
