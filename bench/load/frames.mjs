// WebSocket frames, as far as viewers need them: none of theirs is long, none of the servers' is masked, compressed or
// fragmented.
export const TEXT = 1;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

const EMPTY = Buffer.alloc(0);

/** A frame of at most 125 bytes, masked with a key of its own as clients must. */
export function maskedFrame(opcode, payload) {
  const data = Buffer.from(payload).subarray(0, 125);
  const frame = Buffer.allocUnsafe(6 + data.length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | data.length;
  frame.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), 2);
  for (let index = 0; index < data.length; index += 1) frame[6 + index] = data[index] ^ frame[2 + (index % 4)];
  return frame;
}

/** Takes a stream apart into frames, in whatever pieces it comes. */
export class FrameReader {
  #held = EMPTY;

  /** Calls `onFrame(opcode, payload)` for each frame that is complete now; false when this is not WebSocket. */
  read(chunk, onFrame) {
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    let at = 0;
    while (data.length - at >= 2) {
      if ((data[at] & 0xf0) !== 0x80 || data[at + 1] & 0x80) return false;
      const { headerBytes, payloadBytes } = lengthsAt(data, at);
      if (data.length - at < headerBytes + payloadBytes) break;
      const payloadAt = at + headerBytes;
      at = payloadAt + payloadBytes;
      onFrame(data[payloadAt - headerBytes] & 0x0f, data.subarray(payloadAt, at));
    }
    this.#held = at < data.length ? data.subarray(at) : EMPTY;
    return true;
  }
}

function lengthsAt(data, at) {
  const short = data[at + 1];
  if (short < 126) return { headerBytes: 2, payloadBytes: short };
  const headerBytes = short === 126 ? 4 : 10;
  // A header that is not complete yet is longer than what is there, which is all that its reader needs to know.
  if (data.length - at < headerBytes) return { headerBytes, payloadBytes: 0 };
  const payloadBytes = short === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
  return { headerBytes, payloadBytes };
}
