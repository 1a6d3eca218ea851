// The pictures of the dashboard: every page, in both themes, on a desktop and on a phone. It looks at the demo's queues
// through a bridge of its own, which has what the demo's has not: visitors with names, and one who cannot keep up.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { createBridge } from "../dist/index.js";

const QUEUES = ["images", "emails", "reports"];
const TOKEN = "token-of-the-pictures";
/** So long a history makes charts worth looking at, and is worth waiting for. */
const MIN_SAMPLES = 120;
const PATIENCE_MS = 60_000;

const SIZES = [
  { suffix: "", width: 1280, height: 800 },
  { suffix: "-phone", width: 390, height: 844 },
];
const THEMES = [
  { suffix: "", colorScheme: "light" },
  { suffix: "-dark", colorScheme: "dark" },
];

/** Who looks at pages of an application meanwhile: a client id, a name, an address and what they watch. */
const VISITORS = [
  ["checkout-4f1c", "ada@example.com", "203.0.113.24", "?queue=emails"],
  ["checkout-81d0", "grace@example.com", "203.0.113.61", "?queue=emails&queue=images"],
  ["gallery-2b77", "linus@example.com", "198.51.100.7", "?queue=images"],
  ["gallery-c3e9", "margaret@example.com", "198.51.100.19", "?queue=images"],
  ["gallery-d8a2", "radia@example.com", "2001:db8::5e2", "?queue=images&queue=reports"],
  ["reports-17fe", "alan@example.com", "192.0.2.146", "?queue=reports"],
  ["reports-9a40", "barbara@example.com", "192.0.2.33", "?job=reports:1&job=reports:2&job=reports:3"],
  ["wallboard-1", "office wallboard", "10.0.4.17", ""],
  ["wallboard-2", "office wallboard", "10.0.4.18", ""],
  ["support-0c5d", "edsger@example.com", "203.0.113.9", "?queue=emails&queue=reports"],
];
const SLOW = ["gallery-66b1", "guest", "198.51.100.230", "?queue=images"];

const MESSAGE = { type: "maintenance", content: { text: "Uploads pause at 22:00 for ten minutes", until: "22:10" } };

/** What is done on a page before its picture is made. */
const PAGES = [
  {
    name: "overview",
    path: () => "",
    ready: async (page) => {
      await page.locator("canvas").nth(2).waitFor();
      const unknown = page.locator('section[aria-label="Queues"]').getByText("–", { exact: true });
      await until("all is known of the queues", async () => (await unknown.count()) === 0);
    },
  },
  { name: "jobs", path: () => "jobs", ready: (page) => page.getByRole("progressbar").first().waitFor() },
  {
    name: "job",
    path: async (bridge) => `jobs/emails/${await retriedJob(bridge)}`,
    ready: (page) => page.getByText("250 accepted").first().waitFor(),
  },
  {
    name: "clients",
    path: () => "clients?sort=outbox&order=descending",
    ready: (page) => page.getByText(SLOW[0]).waitFor(),
  },
  {
    name: "messages",
    path: () => "messages",
    ready: async (page) => {
      await page.getByLabel("Type").fill(MESSAGE.type);
      await page.getByLabel("Content").fill(JSON.stringify(MESSAGE.content, null, 2));
      await page.getByRole("button", { name: "Send to everybody" }).click();
      await page.getByText(/^reached \d+ connections$/).waitFor();
    },
  },
];

/** Makes the pictures that are wanted, each given to `save` with its name. */
export async function pictureDashboard({ browser, redisUrl, isWanted, save }) {
  const pictures = PAGES.flatMap((page) =>
    SIZES.flatMap((size) =>
      THEMES.map((theme) => ({ page, size, theme, name: `${page.name}${theme.suffix}${size.suffix}` })),
    ),
  ).filter(({ name }) => isWanted(name));
  if (pictures.length === 0) return;

  const running = await startBridge(redisUrl);
  const visitors = [...VISITORS, SLOW].map((visitor) => connect(running.wsUrl, visitor));
  try {
    await hold(running, visitors.at(-1));
    await until("the history is long enough", async () => {
      const { samples } = await ask(running, "/stats/history");
      return samples.length >= MIN_SAMPLES;
    });
    for (const { page, size, theme, name } of pictures) {
      const tab = await openTab(browser, { ...size, ...theme });
      await tab.goto(`${running.httpUrl}/dashboard/${await page.path(running)}`);
      await tab.getByText("Live", { exact: true }).waitFor();
      await page.ready(tab);
      await save(tab, name);
      await tab.context().close();
    }
  } finally {
    for (const visitor of visitors) visitor.terminate();
    await running.close();
  }
}

async function startBridge(redisUrl) {
  const bridge = createBridge({
    connection: redisUrl,
    queues: QUEUES,
    adminToken: TOKEN,
    trustProxy: true,
    heartbeatInterval: 5,
    heartbeatTimeout: 600,
    authenticate: ({ headers }) => ({ id: String(headers["x-visitor"]) }),
  });
  const server = createServer(bridge.router);
  bridge.attach(server);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await bridge.start();
  const address = `127.0.0.1:${server.address().port}/ws`;
  const close = async () => {
    await bridge.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { bridge, httpUrl: `http://${address}`, wsUrl: `ws://${address}`, close };
}

/** Connects as somebody whose proxy and application say who it is; answers pings, as the client library does. */
function connect(wsUrl, [clientId, name, address, query]) {
  const headers = { "x-visitor": name, "x-forwarded-for": address };
  const socket = new WebSocket(`${wsUrl}/${clientId}${query}`, { headers });
  socket.on("message", (data) => {
    const { type, meta } = JSON.parse(String(data));
    if (type === "ping") socket.send(JSON.stringify({ type: "pong", content: "pong", meta }));
  });
  return socket;
}

/** Reads nothing more of a socket, and sends it so much that messages wait for it. */
async function hold({ bridge, httpUrl }, socket) {
  const [clientId] = SLOW;
  await until("the slow one is there", async () => {
    const { clients } = await ask({ httpUrl }, "/clients");
    return clients.some(({ client_id: id }) => id === clientId);
  });
  socket.pause();
  const filler = { type: "thumbnail", content: "x".repeat(50_000) };
  await until("messages wait for the slow one", async () => {
    for (let count = 0; count < 10; count += 1) bridge.notify(filler, { clientId });
    const { clients } = await ask({ httpUrl }, "/clients");
    return clients.some(({ client_id: id, outbox }) => id === clientId && outbox.messages > 0);
  });
}

/** A job that took several attempts. */
function retriedJob(running) {
  return until("a job was retried", async () => {
    const { jobs } = await ask(running, "/jobs?queue=emails&state=completed&limit=200");
    return jobs.find(({ attempt }) => attempt === 3)?.id;
  });
}

async function ask({ httpUrl }, path) {
  const response = await fetch(httpUrl + path, { headers: { authorization: `Bearer ${TOKEN}` } });
  if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
  return response.json();
}

async function openTab(browser, { width, height, colorScheme }) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    deviceScaleFactor: 2,
    // A phone has no mouse, and the page is drawn for fingers.
    hasTouch: width < 500,
    isMobile: width < 500,
    reducedMotion: "reduce",
  });
  await context.addInitScript((token) => sessionStorage.setItem("bullcast-admin-token", token), TOKEN);
  const tab = await context.newPage();
  tab.setDefaultTimeout(PATIENCE_MS);
  return tab;
}

/** Asks again and again until the answer is something; answers it. */
async function until(what, question) {
  const deadline = Date.now() + 10 * PATIENCE_MS;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`it never came to be that ${what}`);
    await sleep(500);
  }
}
