import { spawnSync } from "node:child_process";
import { availableParallelism, cpus, totalmem } from "node:os";
import { findRedisServer } from "../../scripts/private-redis.mjs";
import { packageVersion } from "./peers.mjs";

/** What the figures are worth nothing without. */
export function describeMachine({ client, peers }) {
  const program = findRedisServer();
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return {
    date: new Date().toISOString(),
    cores: availableParallelism(),
    cpu: cpus()[0].model.trim(),
    memoryBytes: totalmem(),
    node: process.version,
    redis: `${program} ${/v=(\S+)/.exec(stdout)?.[1] ?? "of unknown version"}`,
    bullmq: packageVersion("bullmq"),
    ws: peers.ws,
    socketIo: peers.socketIo,
    bun: peers.bun?.version ?? null,
    client: client.kind,
  };
}

export function machineLines(machine) {
  const absent = "not here";
  return [
    `${machine.date}, ${machine.cores} cores (${machine.cpu}), ${Math.round(machine.memoryBytes / 2 ** 30)} GiB`,
    `Node ${machine.node}, ${machine.redis}, bullmq ${machine.bullmq}, ws ${machine.ws}, socket.io ${machine.socketIo ?? absent}, Bun ${machine.bun ?? absent}`,
    `viewers in ${machine.client}, on the same machine as the servers`,
  ].join("\n");
}
