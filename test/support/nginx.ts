import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { freePort } from "../../scripts/private-redis.mjs";

const READY_TIMEOUT_MS = 10_000;
/** Debian keeps it in /usr/sbin, which is not on every user's PATH. */
const PATH = [process.env.PATH, "/usr/sbin"].join(delimiter);

/**
 * Starts a private nginx on a loopback port with the given `location` blocks, and waits until it accepts connections.
 * In them `$connection_upgrade` is what to pass on as `Connection`. Answers the port; nginx ends with the test.
 */
export async function startNginx(locations: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "bullcast-nginx-"));
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const configuration = `
    daemon off;
    master_process off;
    pid ${join(folder, "nginx.pid")};
    error_log stderr warn;
    events { worker_connections 64; }
    http {
      access_log off;
      ${temporary.join("\n")}
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server {
        listen 127.0.0.1:${port};
        ${locations}
      }
    }`;
  const file = join(folder, "nginx.conf");
  await writeFile(file, configuration);

  const nginx = spawn("nginx", ["-p", folder, "-c", file, "-e", "stderr"], {
    env: { ...process.env, PATH },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  nginx.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const exited = once(nginx, "exit").catch((error: Error) => {
    output += error.message;
  });
  onTestFinished(async () => {
    nginx.kill("SIGKILL");
    await exited;
    await rm(folder, { recursive: true, force: true });
  });

  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (nginx.exitCode !== null || nginx.pid === undefined || Date.now() > deadline) {
      throw new Error(`nginx did not start on port ${port}: ${output}`);
    }
    await sleep(20);
  }
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const finish = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}
