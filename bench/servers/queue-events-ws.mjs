// A bridge as it is written by hand, with QueueEvents and ws.
import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { answerCommands, flag, tell } from "../support/commands.mjs";
import { relayJobEvents } from "../support/relay-job-events.mjs";

const server = createServer();
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => socket.on("error", () => socket.terminate()));
await relayJobEvents(flag("redis"), (event) => {
  for (const client of sockets.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(JSON.stringify(event));
  }
});
answerCommands();
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
