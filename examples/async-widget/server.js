// A page with five slow parts and a job, each filled when it is ready. With a Redis at REDIS_URL:
//
//   npm ci && npm run build && node examples/async-widget/server.js
//
// and http://127.0.0.1:3000/. In a project of your own it needs bullcast, bullmq, ioredis and express.
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AsyncWidget, createBridge, html, JobWidget, TableWidget, TemplateWidget } from "bullcast";
import { Queue, Worker } from "bullmq";
import express from "express";

const redisUrl = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const prefix = process.env.PREFIX ?? "bull";
const connection = { url: redisUrl };

// A job of the kind that pages wait for. Its worker would run elsewhere; it knows nothing of bullcast.
const queue = new Queue("reports", { connection, prefix });
const worker = new Worker(
  "reports",
  async (job) => {
    for (const [index, chapter] of ["Orders", "Returns", "Stock", "Forecast"].entries()) {
      await job.log(`writing chapter ${index + 1}: ${chapter}`);
      await sleep(1000);
      await job.updateProgress((index + 1) * 25);
    }
    return { pages: 48 };
  },
  { connection, prefix, concurrency: 5 },
);

const bridge = createBridge({ connection: redisUrl, prefix, queues: ["reports"] });
const app = express();
app.use((_request, response, next) => {
  // As strict as a policy can be that allows files of one's own.
  response.setHeader("content-security-policy", "default-src 'self'");
  next();
});
app.use(bridge.router);
app.use(express.static(fileURLToPath(new URL("public", import.meta.url))));

app.get("/", async (_request, response) => {
  const job = await queue.add("monthly report", {});
  const dashboard = new AsyncWidget({
    bridge,
    subwidgets: [orders, visitors, forecast, weather, rates],
    timeoutSeconds: 5,
  });
  const page = html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Shop</title>
    ${bridge.browserFiles.tags}
    <link rel="stylesheet" href="/style.css">
    <link rel="icon" href="/icon.svg">
  </head>
  <body>
    <main>
      <h1>Shop</h1>
      <div class="cards">${dashboard.render()}${new JobWidget({ queue: "reports", id: job.id }).render()}</div>
    </main>
  </body>
</html>`;
  // The placeholders are this reader's: no cache may hand them to another.
  response.set("cache-control", "private, no-store").send(String(page));
});

const orders = new TableWidget({
  title: "Last orders",
  rows: fetchOrders,
  maxRows: 3,
  columns: [
    { title: "Customer", value: "customer" },
    { title: "Total", value: ({ cents }) => `€\u00a0${(cents / 100).toFixed(2)}` },
  ],
});

const visitors = new TemplateWidget({
  data: countVisitors,
  template: ({ today, yesterday }) => html`<h2>Visitors</h2>
    <p><strong>${today}</strong> today, ${yesterday} yesterday</p>`,
});

async function forecast(signal) {
  await sleep(3000, null, { signal });
  return html`<h2>Forecast</h2><p>About 1,200 orders next week.</p>`;
}

/** A service that is down: its place says so, and the log why. */
async function weather() {
  throw new Error("the weather service answers 503");
}

/** A service that does not answer: given up after `timeoutSeconds`, and told so through the signal. */
async function rates(signal) {
  await sleep(3_600_000, null, { signal });
  return "never shown";
}

async function* fetchOrders() {
  await sleep(100);
  // What customers call themselves is shown as text, whatever it is.
  yield { customer: "Ada & Sons", cents: 129_900 };
  yield { customer: "<b>Grace</b>", cents: 2_450 };
  yield { customer: 'The "Turing"', cents: 80_000 };
  yield { customer: "One more", cents: 100 };
}

async function countVisitors() {
  await sleep(1000);
  return { today: 312, yesterday: 298 };
}

const server = app.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
bridge.attach(server);
await bridge.start();

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    server.close();
    await bridge.close();
    await Promise.all([worker.close(), queue.close()]);
  });
}
