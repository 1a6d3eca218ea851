import { createServer } from "node:http";
import { destination, pino } from "pino";
import { createBridge } from "../../dist/index.js";
import { broadcaster } from "../support/broadcast.mjs";
import { answerCommands, flag, tell } from "../support/commands.mjs";

const bridge = createBridge({
  connection: flag("redis"),
  queues: flag("queues", "bench").split(","),
  insecure: true,
  // Not on stdout, where the answers are.
  logger: pino({ level: "warn" }, destination(2)),
});
const server = createServer(bridge.router);
bridge.attach(server);
await bridge.start();
answerCommands({ send: broadcaster((message) => bridge.notify(message)) });
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
