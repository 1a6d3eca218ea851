// What a connection costs at least: ws accepts, and does nothing else. No heartbeat either.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { answerCommands, tell } from "../support/commands.mjs";

const server = createServer();
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => socket.on("error", () => socket.terminate()));
answerCommands();
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
