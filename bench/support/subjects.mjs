import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startPrivateRedis } from "../../scripts/private-redis.mjs";
import { Child } from "./child.mjs";
import { connectViewers } from "./load-client.mjs";

const SETTLE_MS = 500;

/** What every subject sends before it is measured: code that has just been loaded is slow, and nobody's is measured. */
export const WARM_UP_DELIVERIES = 100_000;

/** How viewers of each kind of server connect. bullcast's are connected when it has confirmed what they watch. */
export const BULLCAST_VIEWERS = ["--path", "/ws", "--ready", '"type":"subscribed"'];
export const SOCKET_IO_VIEWERS = ["--path", "/socket.io/?EIO=4&transport=websocket", "--socket-io"];
export const PLAIN_VIEWERS = ["--path", "/"];

/** Those of the subjects that are wanted and can run here; each has `needs` where it is more than Node's. */
export function availableSubjects(subjects, { peers, only }) {
  const isWanted = ({ title }) => only.some((name) => title.includes(name));
  return subjects.filter((subject) => isWanted(subject) && (!subject.needs || peers[subject.needs]));
}

/** Starts a subject's Redis, server and viewers, lets them come to rest, and ends them after `measure`. */
export function withSubject(subject, { client, peers, viewers: count, args = [] }, measure) {
  return withServer(subject, { peers }, async ({ redisUrl, server, port }) => {
    const viewers = await connectViewers(client, { port, count, args: [...subject.viewers, ...args] });
    try {
      await sleep(SETTLE_MS);
      return await measure({ redisUrl, server, viewers, port });
    } finally {
      await viewers.stop();
    }
  });
}

/** Starts a subject's Redis and server, for viewers that come in a way of their own, and ends them after `measure`. `flags` are the program's. */
export function withServer(subject, { peers, flags = [], args = [] }, measure) {
  const program = subject.needs === "bun" ? peers.bun.program : process.execPath;
  const script = fileURLToPath(new URL(`../servers/${subject.server}`, import.meta.url));
  return withRedis(async (redisUrl) => {
    const server = new Child(subject.title, program, [...flags, script, "--redis", redisUrl, ...args]);
    try {
      const { port } = await server.next("listening");
      return await measure({ redisUrl, server, port });
    } finally {
      await server.stop();
    }
  });
}

/** Starts a Redis, and ends it after `measure`. */
export async function withRedis(measure) {
  const redis = await startPrivateRedis();
  try {
    return await measure(redis.url);
  } finally {
    await redis.stop();
  }
}
