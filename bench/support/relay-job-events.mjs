import { QueueEvents } from "bullmq";

/** Hands every event of the bench's queue to `send`, with a listener for each kind as BullMQ's documentation shows. */
export async function relayJobEvents(redisUrl, send) {
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
