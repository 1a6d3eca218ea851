import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readViewerRequest } from "../../src/http/viewer-request.ts";
import { jobTopic, parseTopic } from "../../src/protocol/topic.ts";

const read = (url: string) => readViewerRequest(url, "/ws");

describe("the URL of a viewer", () => {
  it("asks for everything when it names nothing", () => {
    const everything = { clientId: null, topics: ["*"], since: null, token: null, problem: null };
    expect(read("/ws")).toEqual(everything);
    expect(read("/ws/")).toEqual(everything);
    expect(read("/ws?")).toEqual(everything);
    expect(read("/ws?theme=dark")).toEqual(everything);
  });

  it("may name the client, topics, cursors and a token", () => {
    expect(read("/ws/anna.b_c~d-1?queue=a&job=b:1&queue=c&since=x&since=y&token=t%20t")).toEqual({
      clientId: "anna.b_c~d-1",
      topics: ["queue:a", "queue:c", "job:b:1"],
      since: ["x", "y"],
      token: "t t",
      problem: null,
    });
  });

  it("may lie under another path", () => {
    expect(readViewerRequest("/live/jobs/anna?queue=a", "/live/jobs")).toMatchObject({
      clientId: "anna",
      topics: ["queue:a"],
      problem: null,
    });
  });

  it("may ask for nothing yet", () => {
    expect(read("/ws?watch=none")).toMatchObject({ topics: [], problem: null });
    expect(read("/ws?watch=none&queue=a")).toMatchObject({ topics: ["queue:a"], problem: null });
  });

  it("splits a job at its first colon; ids may hold more, escaped or not", () => {
    expect(read("/ws?job=a:b:c&job=a%3Ad%2Fe")).toMatchObject({ topics: ["job:a:b:c", "job:a:d/e"], problem: null });
  });

  it.each([
    { url: "/ws/with%20space", says: ["client id", "with%20space"] },
    { url: "/ws/a/b", says: ["client id", "a/b"] },
    { url: `/ws/${"x".repeat(129)}`, says: ["client id", "128"] },
    { url: "/ws?queue=", says: ["queue", "<name>", '""'] },
    { url: "/ws?queue=a:b", says: ["queue", "<name>", '"a:b"'] },
    { url: "/ws?job=a", says: ["job", "<queue>:<id>", '"a"'] },
    { url: "/ws?job=a:", says: ["job", "<queue>:<id>", '"a:"'] },
    { url: "/ws?job=:1", says: ["job", "<queue>:<id>", '":1"'] },
    { url: "/ws?watch=all", says: ["watch", "none", '"all"'] },
    { url: "/ws?watch", says: ["watch", "none", '""'] },
    {
      url: `/ws?queue=${"x".repeat(507)}`,
      says: ["queue: expected <name>, at most 512 characters as the topic queue:<name>"],
    },
    { url: `/ws?job=a:${"x".repeat(507)}`, says: ["job: expected <queue>:<id>, at most 512 characters as the topic"] },
    { url: `/ws?${"queue=a&".repeat(1001)}`, says: ["queue", "1000"] },
  ])("is refused naming what is wrong: $url", ({ url, says }) => {
    const { problem } = read(url);
    for (const part of says) expect(problem).toContain(part);
  });

  it("is refused naming everything that is wrong at once", () => {
    const { problem } = read("/ws/a%b?queue=&job=x&watch=all");
    for (const part of ["client id:", "queue:", "job:", "watch:"]) expect(problem).toContain(part);
  });

  it("never shows more than a bit of what was given", () => {
    expect(read(`/ws/${"x".repeat(10_000)}`).problem?.length).toBeLessThan(300);
  });

  it("is read or refused whatever it holds; its topics are always topics", () => {
    fc.assert(
      fc.property(fc.webQueryParameters(), fc.webPath(), fc.string(), (query, path, text) => {
        const { topics } = read(`/ws${path}?${query}&queue=${text}&job=${text}`);
        for (const topic of topics) expect(parseTopic(topic)).not.toBeNull();
      }),
    );
  });

  it("carries any job to its topic when it is escaped", () => {
    const queue = fc.string({ minLength: 1, maxLength: 50 }).filter((name) => !name.includes(":"));
    fc.assert(
      fc.property(queue, fc.string({ minLength: 1, maxLength: 50 }), (name, id) => {
        const { topics, problem } = read(`/ws?job=${encodeURIComponent(`${name}:${id}`)}`);
        expect(problem).toBeNull();
        expect(topics).toEqual([jobTopic(name, id)]);
      }),
    );
  });
});
