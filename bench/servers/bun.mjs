// Bun's own server and its topics, whose messages go out without passing through JavaScript.
import { broadcaster, withTimestamp } from "../support/broadcast.mjs";
import { answerCommands, tell } from "../support/commands.mjs";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response("not a WebSocket", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      socket.subscribe("everybody");
    },
    message() {},
  },
});

answerCommands({
  send: broadcaster((message) => server.publish("everybody", JSON.stringify(withTimestamp(message)))),
});
tell("listening", { port: server.port });
