import { once } from "node:events";
import { expect, test } from "vitest";
import { AsyncWidget, html, raw } from "../../src/index.ts";
import { Rendering } from "../../src/widgets/rendering.ts";
import { WidgetStore } from "../../src/widgets/widget-store.ts";
import { latch } from "../http/support.ts";
import { startBridge } from "../support/bridge.ts";
import { Viewer } from "../support/viewer.ts";
import { recordingLogger } from "../unit/support/manager.ts";
import { idOf, openWidgetViewer, partsOf } from "./support.ts";

test("placeholders come at once, one for each part, with an id of 128 random bits and nothing inline", async () => {
  const { bridge } = await startBridge();
  let calls = 0;
  const widget = new AsyncWidget({
    bridge,
    subwidgets: [
      () => {
        calls += 1;
        return "";
      },
      { render: () => new Promise(() => undefined) },
    ],
    placeholder: "One <moment>",
  });

  const [first, second] = [widget.render(), widget.render()].map(String);

  expect(calls).toBe(0);
  expect(first).toMatch(/^<bullcast-widget widget="[A-Za-z0-9_-]{22}" part="0">.*<\/bullcast-widget>$/s);
  expect(first?.match(/<bullcast-widget /g)).toHaveLength(2);
  expect(first?.match(/role="status" aria-busy="true"/g)).toHaveLength(2);
  expect(first?.match(/One &lt;moment&gt;/g)).toHaveLength(2);
  expect(first).not.toMatch(/<script|<style|style=| on\w+=/);
  expect(second?.slice(0, 50)).not.toBe(first?.slice(0, 50));
});

test("each part is pushed when it is ready, within the concurrency, whatever its order", async () => {
  const { bridge, wsUrl } = await startBridge();
  const latches = Array.from({ length: 4 }, () => latch<string>());
  const started: number[] = [];
  const subwidgets = latches.map(({ promise }, part) => () => {
    started.push(part);
    return promise;
  });
  const id = idOf(new AsyncWidget({ bridge, subwidgets, concurrency: 2 }).render());
  const viewer = await openWidgetViewer(wsUrl, id);
  const next = async (part: number) => {
    latches[part]?.open(`part <${part}>`);
    return (await viewer.next(({ type, content }) => type === "widget" && content.part === part)).content.html;
  };

  expect(started).toEqual([0, 1]);
  expect(await next(1)).toBe("part &lt;1&gt;");
  expect(started).toEqual([0, 1, 2]);
  expect(await next(2)).toBe("part &lt;2&gt;");
  expect(await next(0)).toBe("part &lt;0&gt;");
  expect(await next(3)).toBe("part &lt;3&gt;");

  expect(partsOf(viewer).map(({ part }) => part)).toEqual([1, 2, 0, 3]);
  expect(viewer.messages.find(({ type }) => type === "widget")?.meta).toEqual({ widget_id: id });
});

test("who comes late gets what is ready, before `subscribed`, and the rest when it is", async () => {
  const { bridge, wsUrl } = await startBridge();
  const slow = latch<string>();
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => raw("<p>fast</p>"), () => slow.promise] }).render());
  await expect.poll(() => bridge.widgets.fetch(id)?.ready).toEqual([0]);

  const viewers = [await openWidgetViewer(wsUrl, id), await openWidgetViewer(wsUrl, id)];
  for (const viewer of viewers) {
    expect(viewer.messages.map(({ type }) => type)).toEqual(["connected", "widget", "subscribed"]);
    expect(partsOf(viewer)).toEqual([{ part: 0, state: "ready", html: "<p>fast</p>" }]);
  }
  slow.open("slow");
  for (const viewer of viewers) await viewer.next(({ content }) => content.part === 1);
  const late = await openWidgetViewer(wsUrl, id);
  expect(partsOf(late).map(({ html: text }) => text)).toEqual(["<p>fast</p>", "slow"]);
});

test("a part that throws or takes too long shows an error's id, the log the details, and others are not harmed", async () => {
  const { bridge, wsUrl, logs } = await startBridge();
  const signals: AbortSignal[] = [];
  const subwidgets = [
    (signal: AbortSignal) => {
      signals.push(signal);
      throw new Error("password is hunter2");
    },
    (signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<never>(() => undefined);
    },
    async () => 7 as unknown as string,
    () => html`<b>well</b>`,
  ];
  const id = idOf(new AsyncWidget({ bridge, subwidgets, timeoutSeconds: 0.05 }).render());
  const viewer = await openWidgetViewer(wsUrl, id);
  await viewer.until(() => partsOf(viewer).length === 4);

  const parts = partsOf(viewer).sort((one, other) => one.part - other.part);
  expect(parts.map(({ state }) => state)).toEqual(["error", "error", "error", "ready"]);
  expect(JSON.stringify(parts)).not.toContain("hunter2");
  const told = logs.filter(({ msg }) => msg.startsWith("a subwidget failed"));
  const messages = [0, 1, 2].map((part) => {
    const record = told.find((entry) => entry.part === part);
    expect(parts[part].html).toContain(`<code>${record?.errorId}</code>`);
    return (record?.err as { message: string } | undefined)?.message;
  });
  expect(messages).toEqual([
    "password is hunter2",
    "a subwidget took longer than 0.05 seconds",
    "a subwidget must answer text or SafeHtml, it answered 7",
  ]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  expect(JSON.stringify(logs)).not.toContain(id);
});

test("HTML that does not fit into a message is an error, and not kept", async () => {
  const { bridge, wsUrl } = await startBridge({ maxQueueBytes: 100_000 });
  const subwidgets = [() => "x".repeat(25_000), () => "x".repeat(15_000)];
  const viewer = await openWidgetViewer(wsUrl, idOf(new AsyncWidget({ bridge, subwidgets }).render()));
  await viewer.until(() => partsOf(viewer).length === 2);
  expect(partsOf(viewer).map(({ state }) => state)).toEqual(["error", "ready"]);
  expect(bridge.widgets.bytes).toBeLessThan(17_000);
});

test("HTML may take what a message has room for; where there is none, the message goes without its content", async () => {
  const [small, smallest] = [await startBridge({ maxQueueBytes: 4096 }), await startBridge({ maxQueueBytes: 1024 })];
  const told = async ({ bridge, wsUrl }: typeof small, text: string) => {
    const widget = new AsyncWidget({ bridge, subwidgets: [() => text] });
    const viewer = await openWidgetViewer(wsUrl, idOf(widget.render()));
    return (await viewer.next("widget")).content;
  };
  // Two quotes stand about it.
  expect(await told(small, "x".repeat(1024 - 512 - 2))).toMatchObject({ state: "ready" });
  expect(await told(small, "x".repeat(1024 - 512 - 1))).toMatchObject({ state: "error" });
  expect(await told(smallest, "x")).toBeNull();
});

test("a page nobody comes for is let go after its time, and what it was doing aborted", async () => {
  const { bridge, wsUrl } = await startBridge();
  const aborted = latch<unknown>();
  let others = 0;
  const waits = (signal: AbortSignal) => {
    signal.addEventListener("abort", () => aborted.open(signal.reason));
    return new Promise<never>(() => undefined);
  };
  const other = () => {
    others += 1;
    return "";
  };
  const subwidgets = [waits, other];
  const id = idOf(new AsyncWidget({ bridge, subwidgets, ttlSeconds: 1, concurrency: 1 }).render());

  expect(await aborted.promise).toMatchObject({ name: "AbortError", message: "nobody came for it in time" });

  expect({ size: bridge.widgets.size, bytes: bridge.widgets.bytes }).toEqual({ size: 0, bytes: 0 });
  const viewer = await openWidgetViewer(wsUrl, id);
  expect(partsOf(viewer)).toEqual([{ part: null, state: "expired", html: null }]);
  // Nor is what was still waiting for its turn begun.
  expect(others).toBe(0);
});

test("a page somebody has come for is finished, however long it takes, and kept for its time from then on", async () => {
  const now = performance.now();
  const rendering = new Rendering("x", 2, 1000);
  expect(rendering.isExpiredAt(now + 1500)).toBe(true);
  rendering.fetched();
  expect(rendering.isExpiredAt(now + 1e9)).toBe(false);
  rendering.keep(1, { state: "ready", html: "" });
  expect(rendering.isExpiredAt(now + 1e9)).toBe(false);
  rendering.keep(0, { state: "ready", html: "" });
  expect(rendering.isExpiredAt(performance.now() + 900)).toBe(false);
  expect(rendering.isExpiredAt(performance.now() + 1001)).toBe(true);
});

test("beyond its bounds the store lets the oldest go and tells their pages", () => {
  const { logger, logs } = recordingLogger();
  const told: string[] = [];
  const publish = (topic: string, message: { content: unknown }) => {
    if ((message.content as { state: string }).state === "expired") told.push(topic);
  };
  const store = new WidgetStore({ publish, logger, maxRenderings: 3, maxBytes: 10_000 });
  const open = () => store.open(1, 60_000);
  const [first, second, third] = [open(), open(), open()];
  const fourth = open();
  expect(told).toEqual([`widget:${first.id}`]);
  expect(first.signal.aborted).toBe(true);

  store.keep(fourth, 0, { state: "ready", html: "x".repeat(9500) });
  expect(told.slice(1)).toEqual([`widget:${second.id}`]);
  expect([second, third, fourth].map(({ signal }) => signal.aborted)).toEqual([true, false, false]);
  expect(store.size).toBe(2);
  expect(store.bytes).toBeLessThanOrEqual(10_000);
  // What a rendering that is gone still brings is nobody's.
  store.keep(first, 0, { state: "ready", html: "late" });
  expect(store.subscribed(`widget:${first.id}`)?.map((message) => message()?.content)).toEqual([
    { part: null, state: "expired", html: null },
  ]);
  expect(logs.filter(({ level }) => level >= 40)).toHaveLength(1);
  store.close();
  expect({ size: store.size, bytes: store.bytes }).toEqual({ size: 0, bytes: 0 });
});

test("viewers of everything never see a part, and nobody is shown the id of a widget but who has it", async () => {
  const { bridge, wsUrl, httpUrl, logs } = await startBridge({ queues: ["emails"] });
  const stranger = await Viewer.open(`${wsUrl}/stranger`);
  const widget = new AsyncWidget({ bridge, subwidgets: [() => "secret of a page"] });
  const id = idOf(widget.render());
  const viewer = await openWidgetViewer(wsUrl, id);
  await viewer.until(() => partsOf(viewer).length > 0);

  // Guessing: ids that differ in one character, and the topic in other forms.
  const guesses = [...id].map(
    (character, at) => `${id.slice(0, at)}${character === "A" ? "B" : "A"}${id.slice(at + 1)}`,
  );
  // The last character holds two bits that say nothing; they make another id all the same.
  stranger.send({ type: "subscribe", content: { topics: guesses.map((guess) => `widget:${guess}`) } });
  stranger.send({ type: "subscribe", content: { topics: ["widget:*"] }, meta: { request_id: "star" } });
  await stranger.next(({ type, meta }) => type === "error" && meta.request_id === "star");
  const clients = await (await fetch(`${httpUrl}/clients`)).text();
  bridge.notify({ type: "fence" }, { clientId: "stranger" });
  await stranger.next("fence");

  expect(partsOf(stranger)).toHaveLength(22);
  expect(new Set(partsOf(stranger).map(({ state, html: text }) => `${state} ${text}`))).toEqual(
    new Set(["expired null"]),
  );
  expect(JSON.stringify(stranger.messages)).not.toContain("secret");
  expect(clients).not.toContain(id);
  expect(clients).toContain('"widget:****"');
  expect(JSON.stringify(logs)).not.toContain(id);
  expect((await fetch(`${httpUrl}/widgets/${guesses[0]}/0`)).status).toBe(404);
});

test("kept parts that are more than an outbox holds all come, as the socket takes them", async () => {
  const { bridge, wsUrl } = await startBridge({ maxQueueBytes: 200_000 });
  const subwidgets = Array.from({ length: 40 }, (_, part) => () => String(part).repeat(30_000 / String(part).length));
  const id = idOf(new AsyncWidget({ bridge, subwidgets }).render());
  await expect.poll(() => bridge.widgets.fetch(id)?.ready.length).toBe(40);
  const viewer = await Viewer.open(`${wsUrl}?watch=none`);
  viewer.socket.pause();
  viewer.send({ type: "subscribe", content: { topics: [`widget:${id}`] } });
  await expect.poll(() => bridge.stats().messages.in).toBe(1);
  viewer.socket.resume();
  await viewer.next("subscribed");
  expect(partsOf(viewer).map(({ part }) => part)).toEqual(Array.from({ length: 40 }, (_, part) => part));
});

test("parts come while Redis is away, also to who waits for a job on the same connection", async () => {
  const { bridge, wsUrl } = await startBridge({ connection: "redis://127.0.0.1:1", queues: ["emails"] });
  const slow = latch<string>();
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => "fast", () => slow.promise] }).render());
  const viewer = await Viewer.open(`${wsUrl}?watch=none`);
  viewer.send({ type: "subscribe", content: { topics: ["job:emails:1", `widget:${id}`] } });
  await viewer.next(({ content }) => content?.html === "fast");
  slow.open("slow");
  await viewer.next(({ content }) => content?.html === "slow");
  expect(viewer.messages.some(({ type }) => type === "subscribed")).toBe(false);
});

test("a part that cannot be sent is logged, and neither ends the process nor harms the others", async () => {
  const { logger, logs } = recordingLogger();
  const sent = latch();
  const publish = (_topic: string, { content }: { content: unknown }) => {
    if ((content as { part: number }).part === 0) throw new Error("cannot be sent");
    sent.open();
  };
  const widgets = new WidgetStore({ publish, logger });
  new AsyncWidget({ bridge: { widgets, basePath: "/ws" }, subwidgets: [() => "", () => ""], concurrency: 1 }).render();
  await sent.promise;
  expect(logs).toMatchObject([{ part: 0, msg: "a part of a widget could not be kept" }]);
});

test("when the bridge closes, what is under way is aborted", async () => {
  const { bridge } = await startBridge();
  const signals: AbortSignal[] = [];
  const started = latch();
  const widget = new AsyncWidget({
    bridge,
    subwidgets: [
      (signal) => {
        signals.push(signal);
        started.open();
        return once(signal, "abort").then(() => "late");
      },
    ],
  });
  widget.render();
  await started.promise;
  await bridge.close();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  expect(bridge.widgets.size).toBe(0);
});
