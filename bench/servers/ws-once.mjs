// The broadcast of ws's own documentation: what is sent is made once.
import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { broadcaster, withTimestamp } from "../support/broadcast.mjs";
import { answerCommands, tell } from "../support/commands.mjs";

const server = createServer();
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => socket.on("error", () => socket.terminate()));

function broadcast(message) {
  const text = JSON.stringify(message);
  for (const client of sockets.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(text);
  }
}

answerCommands({ send: broadcaster((message) => broadcast(withTimestamp(message))) });
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
