// As little as a Node server can do for the same: frames made once, joined once, one write for each socket and turn. It
// knows no topics, no slow viewers and nobody who comes back.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { broadcaster, withTimestamp } from "../support/broadcast.mjs";
import { answerCommands, tell } from "../support/commands.mjs";

const MAX_LENGTH_IN_7_BITS = 125;

const server = createServer();
const webSockets = new WebSocketServer({ server });
const sockets = new Set();
webSockets.on("connection", (webSocket, { socket }) => {
  sockets.add(socket);
  webSocket.on("error", () => webSocket.terminate());
  webSocket.on("close", () => sockets.delete(socket));
});

/** The frames of this turn. */
let frames = [];

function broadcast(message) {
  if (frames.length === 0) process.nextTick(flush);
  frames.push(frameOf(JSON.stringify(message)));
}

function flush() {
  const bytes = Buffer.concat(frames);
  frames = [];
  for (const socket of sockets) socket.write(bytes);
}

/** A text frame (RFC 6455, section 5.2) of up to 64 KiB. */
function frameOf(text) {
  const length = Buffer.byteLength(text);
  const header = length <= MAX_LENGTH_IN_7_BITS ? [0x81, length] : [0x81, 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), Buffer.from(text)]);
}

answerCommands({ send: broadcaster((message) => broadcast(withTimestamp(message))) });
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
