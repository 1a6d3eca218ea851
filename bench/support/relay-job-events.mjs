import { QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { LINES_CHANNEL } from "../load/job-shape.mjs";

/** Hands every event and log line of the bench's queue to `send`, as a bridge written by hand gets them. */
export async function relayJobEvents(redisUrl, send) {
  await Promise.all([relayEvents(redisUrl, send), relayLines(redisUrl, send)]);
}

/** With a listener for each kind, as BullMQ's documentation shows. */
async function relayEvents(redisUrl, send) {
  const queueEvents = new QueueEvents("bench", { connection: { url: redisUrl } });
  queueEvents.on("added", ({ jobId, name }) => send({ event: "added", jobId, data: name }));
  queueEvents.on("waiting", ({ jobId }) => send({ event: "waiting", jobId, data: null }));
  queueEvents.on("active", ({ jobId }) => send({ event: "active", jobId, data: null }));
  queueEvents.on("progress", ({ jobId, data }) => send({ event: "progress", jobId, data }));
  queueEvents.on("completed", ({ jobId, returnvalue }) => send({ event: "completed", jobId, data: returnvalue }));
  queueEvents.on("failed", ({ jobId, failedReason }) => send({ event: "failed", jobId, data: failedReason }));
  // Without a listener an error would end the process.
  queueEvents.on("error", (error) => process.stderr.write(`QueueEvents: ${error.message}\n`));
  await queueEvents.waitUntilReady();
}

/** QueueEvents knows no log lines: workers publish them on a channel of their own. */
async function relayLines(redisUrl, send) {
  const redis = new Redis(redisUrl);
  redis.on("pmessage", (_pattern, _channel, text) => {
    const { jobId, ...data } = JSON.parse(text);
    send({ event: "line", jobId, data });
  });
  redis.on("error", (error) => process.stderr.write(`lines: ${error.message}\n`));
  await redis.psubscribe(`${LINES_CHANNEL}*`);
}
