import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobTopic, parseTopic, queueTopic } from "../../src/protocol/topic.ts";

const queueName = fc
  .string({ unit: "binary", minLength: 1, maxLength: 100, size: "max" })
  .filter((name) => !name.includes(":"));
const jobId = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 100, size: "max" }),
  fc
    .array(fc.constantFrom(":", "a", "\n", "job", " "), { minLength: 1, maxLength: 30, size: "max" })
    .map((parts) => parts.join("")),
);

describe("a topic", () => {
  it.each([
    { topic: "*", means: { kind: "all" } },
    { topic: "queue:emails", means: { kind: "queue", queue: "emails" } },
    { topic: "queue:with space", means: { kind: "queue", queue: "with space" } },
    { topic: "queue:{tag}", means: { kind: "queue", queue: "{tag}" } },
    { topic: "job:emails:1", means: { kind: "job", queue: "emails", id: "1" } },
    { topic: "job:emails:a:b::c:", means: { kind: "job", queue: "emails", id: "a:b::c:" } },
    { topic: "job:emails::", means: { kind: "job", queue: "emails", id: ":" } },
    { topic: "job:queue:job:queue:1", means: { kind: "job", queue: "queue", id: "job:queue:1" } },
    { topic: "widget:AbCdEfGhIjKlMnOpQrS-_0", means: { kind: "widget", id: "AbCdEfGhIjKlMnOpQrS-_0" } },
    { topic: "stats", means: { kind: "stats" } },
    { topic: "clients", means: { kind: "clients" } },
    { topic: "job:emails:two\nlines", means: { kind: "job", queue: "emails", id: "two\nlines" } },
  ])("is read: $topic", ({ topic, means }) => {
    expect(parseTopic(topic)).toEqual(means);
  });

  it.each([
    "",
    "**",
    "* ",
    "emails",
    "queue",
    "queue:",
    "queue:a:b",
    "job",
    "job:",
    "job:emails",
    "job:emails:",
    "job::1",
    ":emails:1",
    "Queue:emails",
    " queue:emails",
    "widget:1",
    "widget:",
    "widget:*",
    "widget:AbCdEfGhIjKlMnOpQrS-_01",
    "widget:AbCdEfGhIjKlMnOpQrS-_ ",
    "stats:",
    "Stats",
    "clients:1",
    "__proto__",
    `queue:${"x".repeat(507)}`,
  ])("has none of the forms: %j", (topic) => {
    expect(parseTopic(topic)).toBeNull();
  });

  it("may be 512 characters long", () => {
    expect(parseTopic(`queue:${"x".repeat(506)}`)).toMatchObject({ kind: "queue" });
  });

  it("of a job says the queue and id it was made of, split at the first two colons", () => {
    fc.assert(
      fc.property(queueName, jobId, (queue, id) => {
        expect(parseTopic(jobTopic(queue, id))).toEqual({ kind: "job", queue, id });
      }),
      { numRuns: 1000 },
    );
  });

  it("of a queue says the queue it was made of", () => {
    fc.assert(
      fc.property(queueName, (queue) => {
        expect(parseTopic(queueTopic(queue))).toEqual({ kind: "queue", queue });
      }),
    );
  });

  it("is read or refused whatever it is, and what is read is written the same", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          jobId.map((text) => `job:${text}`),
        ),
        (topic) => {
          const parsed = parseTopic(topic);
          if (parsed?.kind === "job") expect(jobTopic(parsed.queue, parsed.id)).toBe(topic);
          if (parsed?.kind === "queue") expect(queueTopic(parsed.queue)).toBe(topic);
          if (parsed?.kind === "all") expect(topic).toBe("*");
        },
      ),
    );
  });
});
