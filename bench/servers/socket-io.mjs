import { createServer } from "node:http";
import { Server } from "socket.io";
import { broadcaster, withTimestamp } from "../support/broadcast.mjs";
import { answerCommands, tell } from "../support/commands.mjs";

const server = createServer();
const io = new Server(server, { transports: ["websocket"], serveClient: false });
answerCommands({ send: broadcaster((message) => io.emit("message", withTimestamp(message))) });
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
