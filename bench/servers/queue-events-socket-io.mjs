// A bridge as it is written by hand, with QueueEvents and socket.io.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { answerCommands, flag, tell } from "../support/commands.mjs";
import { relayJobEvents } from "../support/relay-job-events.mjs";

const server = createServer();
const io = new Server(server, { transports: ["websocket"], serveClient: false });
await relayJobEvents(flag("redis"), (event) => io.emit("job", event));
answerCommands();
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
