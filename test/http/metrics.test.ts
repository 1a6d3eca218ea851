import { describe, expect, it } from "vitest";
import type { Stats } from "../../src/index.ts";
import { openQueue } from "../bridge/support.ts";
import { readDocument, tableAfter } from "../docs/documents.ts";
import { startBridge } from "../support/bridge.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { call } from "./support.ts";

interface ReadMetric {
  type: string;
  help: string;
  /** By what stands before it on its line. */
  values: Map<string, number>;
}

/** Reads Prometheus' text format; throws on a line that is none of it. */
function readMetrics(text: string): Map<string, ReadMetric> {
  const metrics = new Map<string, ReadMetric>();
  let current: ReadMetric | undefined;
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") {
      expect(metrics.has(name), `${name} comes once`).toBe(false);
      current = { type: "", help: rest, values: new Map() };
      metrics.set(name, current);
    } else if (kind === "TYPE" && current) current.type = rest;
    else {
      const [, series = "", value = ""] = /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
      expect(series, line).not.toBe("");
      expect(current?.values.has(series), `${series} comes once`).toBe(false);
      current?.values.set(series, value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value));
    }
  }
  return metrics;
}

async function scrape(httpUrl: string): Promise<Map<string, ReadMetric>> {
  const { status, headers, text } = await call(`${httpUrl}/metrics`);
  expect({ status, type: headers["content-type"] }).toEqual({
    status: 200,
    type: "text/plain; version=0.0.4; charset=utf-8",
  });
  return readMetrics(text);
}

function figure(metrics: Map<string, ReadMetric>, series: string): number | undefined {
  for (const { values } of metrics.values()) if (values.has(series)) return values.get(series);
  return undefined;
}

describe("metrics", () => {
  it("are named as Prometheus wants them, explained, and of the process too", async () => {
    const { httpUrl, wsUrl, prefix } = await startBridge({ queues: ["emails"] });
    const viewer = await Viewer.open(wsUrl);
    // Before the first event its age is not known.
    await openQueue("emails", prefix).add("letter", {});
    await viewer.next("task_added");
    await expect.poll(async () => (await scrape(httpUrl)).has("bullcast_source_lag_seconds")).toBe(true);
    const metrics = await scrape(httpUrl);
    const own = [...metrics].filter(([name]) => name.startsWith("bullcast_"));
    const documented = tableAfter(readDocument("README.md"), "### Prometheus").flatMap(([names = ""]) =>
      [...names.matchAll(/bullcast_[a-z_]+/g)].map(([name]) => name),
    );
    expect(documented.sort()).toEqual(own.map(([name]) => name).sort());
    expect(own.length).toBeGreaterThan(15);
    for (const [name, { type, help, values }] of own) {
      expect(name).toMatch(/^bullcast(_[a-z]+)+$/);
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|percent|count|sum|bucket)$/);
      expect({ name, type }).toEqual({ name, type: expect.stringMatching(/^(counter|gauge|histogram)$/) });
      expect({ name, isTotal: name.endsWith("_total") }).toEqual({ name, isTotal: type === "counter" });
      expect(help).toMatch(/^[A-Z1].*\.$/);
      for (const value of values.values()) expect(value).not.toBeNaN();
    }
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "nodejs_eventloop_lag_seconds"])
      expect([...metrics.keys()]).toContain(name);
    expect([...metrics.keys()].filter((name) => !/^(bullcast|nodejs|process)_/.test(name))).toEqual([]);
  });

  it("say the same as the other routes", async () => {
    const { httpUrl, wsUrl, prefix, bridge } = await startBridge({ queues: ["emails"] });
    const viewer = await Viewer.open(wsUrl);
    const queue = openQueue("emails", prefix);
    await queue.add("later", {}, { delay: 60_000 });
    await queue.add("now", { progress: [1, 2, 3] });
    await startStockWorker({ queue: "emails", prefix });
    await viewer.next("task_success");
    bridge.notify({ type: "news-1", content: 1 });
    bridge.notify({ type: "news-2", content: 1 });

    const stats = (await call(`${httpUrl}/stats`)).body as Stats;
    const metrics = await scrape(httpUrl);

    const { messages, connections } = stats;
    expect(figure(metrics, "bullcast_connections")).toBe(connections.current);
    expect(figure(metrics, "bullcast_connections_opened_total")).toBe(1);
    const sent = metrics.get("bullcast_messages_sent_total")?.values ?? new Map<string, number>();
    expect(sent.get('bullcast_messages_sent_total{type="task_success"}')).toBe(messages.by_type.task_success);
    expect(sent.get('bullcast_messages_sent_total{type="custom"}')).toBe(2);
    expect([...sent.values()].reduce((sum, value) => sum + value, 0)).toBe(messages.out);
    expect(figure(metrics, 'bullcast_queue_jobs{queue="emails",state="delayed"}')).toBe(1);
    expect(figure(metrics, 'bullcast_queue_jobs{queue="emails",state="completed"}')).toBe(1);
    expect(figure(metrics, 'bullcast_queue_paused{queue="emails"}')).toBe(0);
    expect(figure(metrics, 'bullcast_health_status{status="healthy"}')).toBe(1);
    expect(figure(metrics, 'bullcast_source_reading{kind="event-stream",queue="emails"}')).toBe(1);
    const told = figure(metrics, "bullcast_event_latency_seconds_count");
    expect(told).toBeGreaterThanOrEqual(4);
    expect(figure(metrics, "bullcast_events_read_total")).toBeGreaterThanOrEqual(told ?? 0);
    expect(figure(metrics, 'bullcast_event_latency_seconds_bucket{le="+Inf"}')).toBe(told);
    expect(figure(metrics, 'bullcast_event_latency_seconds_bucket{le="10"}')).toBe(told);
    const buckets = [...(metrics.get("bullcast_event_latency_seconds")?.values ?? [])].filter(([series]) =>
      series.includes("_bucket"),
    );
    expect(buckets.map(([, value]) => value)).toEqual(buckets.map(([, value]) => value).sort((a, b) => a - b));
  });

  it("have nothing of a queue that was detached", async () => {
    const { httpUrl, bridge } = await startBridge({ queues: ["emails", "images"] });
    const isThere = async () =>
      [...(await scrape(httpUrl)).values()].some(({ values }) =>
        [...values.keys()].some((series) => series.includes('queue="images"')),
      );
    expect(await isThere()).toBe(true);
    bridge.detachQueue("images");
    expect(await isThere()).toBe(false);
  });

  it("come also without Redis, and say that it is not well", async () => {
    const { httpUrl } = await startBridge({ queues: ["emails"], connection: "redis://127.0.0.1:1" });
    const metrics = await scrape(httpUrl);
    expect(figure(metrics, 'bullcast_health_status{status="unhealthy"}')).toBe(1);
    expect(figure(metrics, 'bullcast_source_reading{kind="event-stream",queue="emails"}')).toBe(0);
    expect(metrics.has("bullcast_queue_jobs")).toBe(false);
  });

  it("are given to several bridges in one process, each with its own figures", async () => {
    const [one, other] = [await startBridge(), await startBridge()];
    await Viewer.open(one.wsUrl);
    const [ofOne, ofOther] = [await scrape(one.httpUrl), await scrape(other.httpUrl)];
    expect([figure(ofOne, "bullcast_connections"), figure(ofOther, "bullcast_connections")]).toEqual([1, 0]);
  });
});
