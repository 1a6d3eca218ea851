// A Redis of one's own for the demo and the tests: loopback only, nothing on disk, gone with its owner.
// Plain JavaScript without dependencies, as it runs before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { createConnection, createServer } from "node:net";

const READY_TIMEOUT_MS = 10_000;

/** The first Redis-compatible server program on PATH, or null. */
export function findRedisServer() {
  const programs = ["redis-server", "valkey-server"];
  return programs.find((program) => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0) ?? null;
}

/** A TCP port of the loopback interface that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts a private server and waits until it answers.
 *
 * @param {{ port?: number, args?: string[] }} [options] `args` are added to the server's command line.
 */
export async function startPrivateRedis({ port, args = [] } = {}) {
  const program = findRedisServer();
  if (!program) throw new Error("neither redis-server nor valkey-server is on PATH");
  const chosen = port ?? (await freePort());
  const child = spawn(
    program,
    ["--port", String(chosen), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", ...args],
    // A group of its own, so that Ctrl-C reaches the owner first and the server outlives those who still talk to it.
    { stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output = (output + chunk).slice(-4000);
    });
  }
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async (signal = "SIGKILL") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  const orphanGuard = () => child.kill("SIGKILL");
  process.once("exit", orphanGuard);
  exited.then(() => process.off("exit", orphanGuard));

  const deadline = Date.now() + READY_TIMEOUT_MS;
  // Another server may have taken the port first, and would answer in the place of this one.
  while (!(await answersPing(chosen)) || child.exitCode !== null) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${program} did not start on port ${chosen}:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url: `redis://127.0.0.1:${chosen}`, port: chosen, pid: child.pid, stop };
}

function answersPing(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1", timeout: 500 });
    const finish = (answered) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (data) => finish(data.toString().startsWith("+PONG")));
    socket.once("error", () => finish(false));
    socket.once("timeout", () => finish(false));
  });
}
