import { describe, expect, it } from "vitest";
import type { BridgeOptions } from "../../src/config.ts";
import { ENVIRONMENT, maskUrl, parseBridgeOptions, parseServerSettings, readEnvironment } from "../../src/config.ts";
import { InvalidSettingsError } from "../../src/errors.ts";

const REDIS = "redis://127.0.0.1:6379";

/** What is said of settings that cannot be used. */
function refusal(read: () => unknown): InvalidSettingsError {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidSettingsError) return error;
    throw error;
  }
  throw new Error("the settings were accepted");
}

const refusedOptions = (given: Record<string, unknown>) =>
  refusal(() => parseBridgeOptions({ connection: REDIS, ...given } as unknown as BridgeOptions));
const refusedEnvironment = (environment: Record<string, string>) =>
  refusal(() => parseServerSettings(readEnvironment({ REDIS_URL: REDIS, ...environment })));

describe("the library's settings", () => {
  it("have defaults for everything but the connection", () => {
    expect(parseBridgeOptions({ connection: REDIS })).toEqual({
      connection: REDIS,
      queues: [],
      discover: false,
      prefix: "bull",
      basePath: "/ws",
      logChannels: [],
      allowedOrigins: [],
      allowedHosts: [],
      insecure: false,
      trustProxy: false,
      readOnly: false,
      enableHeartbeat: true,
      heartbeatInterval: 30,
      heartbeatTimeout: 60,
      maxQueueSize: 10_000,
      maxQueueBytes: 4 * 1024 * 1024,
      maxTotalQueueBytes: 256 * 1024 * 1024,
      maxFlushDelayMs: 25,
      maxTailedJobs: 100,
    });
  });

  it("of the standalone server have the same defaults, and where it listens", () => {
    expect(parseServerSettings({ connection: REDIS })).toEqual({
      ...parseBridgeOptions({ connection: REDIS }),
      host: "127.0.0.1",
      port: 3939,
      logLevel: "info",
    });
  });

  it.each([
    { connection: REDIS },
    { connection: "rediss://user:password@redis.internal:6380/2" },
    { connection: "/run/redis.sock" },
    { connection: { host: "127.0.0.1", port: 6379 } },
    { connection: { duplicate: () => undefined } },
  ])("take a connection of any kind: $connection", ({ connection }) => {
    expect(parseBridgeOptions({ connection }).connection).toBe(connection);
  });

  it("hand on what is the application's own as it is", () => {
    const queueEvents = { name: "emails", opts: {}, on: () => undefined, off: () => undefined };
    const authenticate = () => null;
    const options = { connection: REDIS, queues: ["images", queueEvents], authenticate };
    const settings = parseBridgeOptions(options);
    expect(settings.queues[1]).toBe(queueEvents);
    expect(settings.authenticate).toBe(authenticate);
  });

  it.each([
    { name: "connection", bad: undefined, given: "nothing" },
    { name: "connection", bad: 6379, given: "number" },
    { name: "connection", bad: "localhost:6379", given: '"localhost:6379"' },
    { name: "connection", bad: "http://127.0.0.1", given: '"http://127.0.0.1"' },
    { name: "queues", bad: "emails", given: '"emails"' },
    { name: "queues", bad: ["a:b"], given: '["a:b"]' },
    { name: "queues", bad: [""], given: '[""]' },
    { name: "discover", bad: "yes", given: '"yes"' },
    { name: "prefix", bad: "", given: '""' },
    { name: "basePath", bad: "ws", given: '"ws"' },
    { name: "basePath", bad: "/ws/", given: '"/ws/"' },
    { name: "basePath", bad: "/", given: '"/"' },
    { name: "logChannels", bad: [""], given: '[""]' },
    { name: "authenticate", bad: "yes", given: '"yes"' },
    { name: "allowedOrigins", bad: ["https://a.example/path"], given: '["https://a.example/path"]' },
    { name: "allowedHosts", bad: ["https://a.example"], given: '["https://a.example"]' },
    { name: "insecure", bad: 1, given: "1" },
    { name: "trustProxy", bad: "loopback", given: '"loopback"' },
    { name: "readOnly", bad: "no", given: '"no"' },
    { name: "enableHeartbeat", bad: "false", given: '"false"' },
    { name: "heartbeatInterval", bad: 0, given: "0" },
    { name: "heartbeatTimeout", bad: 100_000, given: "100000" },
    { name: "maxQueueSize", bad: 0, given: "0" },
    { name: "maxQueueSize", bad: 1.5, given: "1.5" },
    { name: "maxQueueBytes", bad: "4MiB", given: '"4MiB"' },
    { name: "logger", bad: { log: () => undefined }, given: "object" },
  ])("name what was expected and what was given: $name $bad", ({ name, bad, given }) => {
    const { issues, message } = refusedOptions({ [name]: bad });
    expect(issues).toHaveLength(1);
    expect(issues[0]?.setting).toContain(name);
    expect(issues[0]?.expected).not.toBe("");
    expect(issues[0]?.given).toContain(given);
    expect(message).toContain(`expected ${issues[0]?.expected}; given ${issues[0]?.given}`);
  });

  it("list everything that cannot be used at once, each setting once", () => {
    const { issues, message } = refusedOptions({
      connection: 5,
      queues: ["a:b", "c:d", ""],
      prefix: "",
      maxQueueSize: -1,
      heartbeatInterval: 70,
      colour: "blue",
      cluster: true,
    });
    const names = issues.map(({ setting }) => setting.split(" ")[0]);
    expect(names.toSorted()).toEqual([
      "cluster",
      "colour",
      "connection",
      "heartbeatTimeout",
      "maxQueueSize",
      "prefix",
      "queues",
    ]);
    expect(message).toContain("7 settings");
    for (const name of names) expect(message).toContain(`  ${name}`);
  });

  it.each([{ heartbeatInterval: 30, heartbeatTimeout: 30 }, { heartbeatInterval: 60 }, { heartbeatTimeout: 29 }])(
    "must have a heartbeat timeout above the interval: %j",
    (given) => {
      const { issues } = refusedOptions(given);
      expect(issues).toMatchObject([
        {
          setting: expect.stringContaining("heartbeatTimeout"),
          expected: expect.stringContaining(`heartbeatInterval, which is ${given.heartbeatInterval ?? 30}`),
          given: String(given.heartbeatTimeout ?? 60),
        },
      ]);
    },
  );

  it("may have a heartbeat timeout just above the interval", () => {
    expect(
      parseBridgeOptions({ connection: REDIS, heartbeatInterval: 60, heartbeatTimeout: 60.1 }).heartbeatTimeout,
    ).toBe(60.1);
  });

  it("hold nothing there is no setting for", () => {
    expect(refusedOptions({ heartBeatInterval: 5 }).issues).toMatchObject([
      { setting: "heartBeatInterval", expected: expect.stringContaining("no such setting") },
    ]);
  });

  it("of the server alone are no settings of the library", () => {
    expect(refusedOptions({ port: 80 }).issues).toMatchObject([
      { expected: expect.stringContaining("no such setting") },
    ]);
  });

  it.each([{ authorize: () => true }, { cluster: true }])(
    "that this version does not have yet are not ignored: %j",
    (given) => {
      expect(refusedOptions(given).issues).toMatchObject([
        { setting: Object.keys(given)[0], expected: expect.stringContaining("does not have it yet") },
      ]);
    },
  );
});

describe("a secret", () => {
  it.each([
    { what: "an admin token with a space", given: { adminToken: "hunter 2 hunter" } },
    { what: "an admin token that is no text", given: { adminToken: ["hunter 2"] } },
    { what: "the password of a URL", given: { connection: "http://user:hunter 2@127.0.0.1" } },
    { what: "a password alone", given: { connection: "http://:hunter 2@127.0.0.1" } },
    { what: "a password with an @", given: { connection: "http://user:hunter 2@hunter 2@127.0.0.1" } },
    { what: "the password of a URL with a slash too few", given: { connection: "redis:/user:hunter 2@127.0.0.1" } },
    { what: "the password of a URL without a scheme", given: { connection: "user:hunter 2@127.0.0.1:6379" } },
    { what: "the password of ioredis options", given: { connection: [{ password: "hunter 2" }] } },
    { what: "an admin token under a mistyped name", given: { adminTokn: "hunter 2" } },
    { what: "a URL under another name", given: { redisUrl: "redis://:hunter 2@127.0.0.1" } },
  ])("is never shown: $what", ({ given }) => {
    const { message, issues } = refusedOptions(given);
    expect(issues).toHaveLength(1);
    expect(message).not.toContain("hunter");
  });

  it.each([
    { what: "an admin token under a mistyped name", environment: { BULLCAST_ADMIN_TOKE: "hunter2" } },
    { what: "a Redis URL under another name", environment: { BULLCAST_REDIS_URL: "redis://:hunter2@127.0.0.1" } },
  ])("is never shown from the environment: $what", ({ environment }) => {
    expect(refusedEnvironment(environment).message).not.toContain("hunter");
  });

  it.each([
    { url: "redis://user:hunter2@127.0.0.1:6379/1", masked: "redis://user:****@127.0.0.1:6379/1" },
    { url: "rediss://:hunter2@127.0.0.1", masked: "rediss://:****@127.0.0.1" },
    { url: "redis://:hun@ter2@127.0.0.1", masked: "redis://:****@127.0.0.1" },
    { url: "redis://127.0.0.1:6379", masked: "redis://127.0.0.1:6379" },
    { url: "/run/redis.sock", masked: "/run/redis.sock" },
  ])("is masked in the address of Redis: $url", ({ url, masked }) => {
    expect(maskUrl(url)).toBe(masked);
  });

  it("is masked in the address of Redis also when it stands in the query", () => {
    expect(maskUrl("redis://127.0.0.1:6379/0?password=hunter2&family=4")).not.toContain("hunter2");
  });
});

describe("the environment", () => {
  it("holds every setting under its variable", () => {
    const environment = {
      REDIS_URL: "redis://redis.internal",
      BULLCAST_QUEUES: "emails, images,,reports ",
      BULLCAST_DISCOVER: "true",
      BULLCAST_PREFIX: "jobs",
      BULLCAST_BASE_PATH: "/live",
      BULLCAST_LOG_CHANNELS: "logs,worker:*",
      BULLCAST_ADMIN_TOKEN: "secret",
      BULLCAST_ALLOWED_ORIGINS: "https://a.example,https://b.example",
      BULLCAST_ALLOWED_HOSTS: "bridge.internal",
      BULLCAST_INSECURE: "yes",
      BULLCAST_TRUST_PROXY: "on",
      BULLCAST_READ_ONLY: "true",
      BULLCAST_ENABLE_HEARTBEAT: "false",
      BULLCAST_HEARTBEAT_INTERVAL: "5",
      BULLCAST_HEARTBEAT_TIMEOUT: "7.5",
      BULLCAST_MAX_QUEUE_SIZE: "100",
      BULLCAST_MAX_QUEUE_BYTES: "2048",
      BULLCAST_MAX_TOTAL_QUEUE_BYTES: "8192",
      BULLCAST_MAX_FLUSH_DELAY_MS: "10",
      BULLCAST_MAX_TAILED_JOBS: "0",
      HOST: "0.0.0.0",
      PORT: "8080",
      LOG_LEVEL: "debug",
    };
    expect(Object.values(ENVIRONMENT).map(({ variable }) => variable)).toEqual(Object.keys(environment));
    expect(parseServerSettings(readEnvironment(environment))).toEqual({
      connection: "redis://redis.internal",
      queues: ["emails", "images", "reports"],
      discover: true,
      prefix: "jobs",
      basePath: "/live",
      logChannels: ["logs", "worker:*"],
      adminToken: "secret",
      allowedOrigins: ["https://a.example", "https://b.example"],
      allowedHosts: ["bridge.internal"],
      insecure: true,
      trustProxy: true,
      readOnly: true,
      enableHeartbeat: false,
      heartbeatInterval: 5,
      heartbeatTimeout: 7.5,
      maxQueueSize: 100,
      maxQueueBytes: 2048,
      maxTotalQueueBytes: 8192,
      maxFlushDelayMs: 10,
      maxTailedJobs: 0,
      host: "0.0.0.0",
      port: 8080,
      logLevel: "debug",
    });
  });

  it("counts an empty variable as unset, and leaves those of others alone", () => {
    expect(
      readEnvironment({ REDIS_URL: REDIS, BULLCAST_PREFIX: "", PORT: "", PATH: "/bin", MY_BULLCAST_X: "1" }),
    ).toEqual({ connection: REDIS });
    expect(readEnvironment({ BULLCAST_NONSENSE: "" })).toEqual({});
    expect(readEnvironment({ BULLCAST_PREFIX: undefined })).toEqual({});
  });

  it.each([
    { text: "true", value: true },
    { text: "TRUE", value: true },
    { text: "1", value: true },
    { text: "yes", value: true },
    { text: " on ", value: true },
    { text: "false", value: false },
    { text: "0", value: false },
    { text: "No", value: false },
    { text: "off", value: false },
  ])("reads $text as $value", ({ text, value }) => {
    expect(readEnvironment({ BULLCAST_DISCOVER: text })).toEqual({ discover: value });
  });

  it.each([
    { variable: "BULLCAST_DISCOVER", text: "maybe", setting: "discover" },
    { variable: "BULLCAST_HEARTBEAT_INTERVAL", text: "30s", setting: "heartbeatInterval" },
    { variable: "BULLCAST_HEARTBEAT_INTERVAL", text: "0x10", setting: "heartbeatInterval" },
    { variable: "BULLCAST_MAX_QUEUE_SIZE", text: "1e3", setting: "maxQueueSize" },
    { variable: "BULLCAST_MAX_QUEUE_SIZE", text: "10,000", setting: "maxQueueSize" },
    { variable: "BULLCAST_MAX_QUEUE_SIZE", text: "-1", setting: "maxQueueSize" },
    { variable: "BULLCAST_QUEUES", text: "emails,a:b", setting: "queues" },
    { variable: "PORT", text: "http", setting: "port" },
    { variable: "PORT", text: "65536", setting: "port" },
    { variable: "PORT", text: " ", setting: "port" },
    { variable: "LOG_LEVEL", text: "loud", setting: "logLevel" },
  ])("cannot hold $text for $variable, and says so by both names", ({ variable, text, setting }) => {
    const { issues } = refusedEnvironment({ [variable]: text });
    expect(issues).toHaveLength(1);
    expect(issues[0]?.setting).toBe(`${setting} (${variable})`);
    expect(issues[0]?.given).toContain(text.split(",")[0]);
  });

  it("is not ignored when it holds a BULLCAST_ variable there is none of", () => {
    const { issues } = refusedEnvironment({ BULLCAST_HEARBEAT_INTERVAL: "5", BULLCAST_QUEUE: "emails" });
    expect(issues).toMatchObject([
      { setting: "BULLCAST_HEARBEAT_INTERVAL", expected: expect.stringContaining("no such setting") },
      { setting: "BULLCAST_QUEUE", expected: expect.stringContaining("no such setting") },
    ]);
  });

  it.each(["BULLCAST_AUTHORIZE", "BULLCAST_CLUSTER"])(
    "is not ignored when it holds %s, which this version does not have yet",
    (variable) => {
      expect(refusedEnvironment({ [variable]: "1" }).issues).toMatchObject([
        { expected: expect.stringContaining("does not have it yet") },
      ]);
    },
  );
});
