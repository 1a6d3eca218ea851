import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { say } from "../../scripts/setup.mjs";

const FOLDER = fileURLToPath(new URL("../", import.meta.url));
const require = createRequire(import.meta.url);

/** Installs what only the bench compares with. What cannot be had is null, and its subjects are left out. */
export function preparePeers() {
  const reason = missingReason();
  if (reason) install(reason);
  const peers = { bun: findBun(), socketIo: packageVersion("socket.io"), ws: packageVersion("ws") };
  if (!peers.bun) say("Bun does not run here: it is left out.");
  if (!peers.socketIo) say("socket.io is not installed: it is left out.");
  return peers;
}

export function packageVersion(name) {
  try {
    return require(`${name}/package.json`).version;
  } catch {
    return null;
  }
}

function install(reason) {
  say(`Installing the bench's own packages (npm ci in bench/): ${reason}.`);
  // Bun's install script only links the program, which is in the package of its platform.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", args, { cwd: FOLDER, stdio: ["ignore", 2, 2] });
  if (status !== 0) say("npm ci in bench/ failed; going on with what is there.");
}

/** Why the packages have to be installed, or null. */
function missingReason() {
  const installed = lockedPackages("node_modules/.package-lock.json");
  if (!installed) return "bench/node_modules is missing";
  // Optional packages are mostly those of other platforms.
  const wanted = Object.entries(lockedPackages("package-lock.json")).filter(
    ([path, { optional }]) => path && !optional,
  );
  const different = wanted.find(([path, { version }]) => installed[path]?.version !== version);
  return different ? `${different[0]} is not the version bench/package-lock.json asks for` : null;
}

function lockedPackages(path) {
  return existsSync(FOLDER + path) ? JSON.parse(readFileSync(FOLDER + path, "utf8")).packages : null;
}

/** The first of Bun's programs that this machine can run: builds for older CPUs and other C libraries lie beside it. */
function findBun() {
  const folder = `${FOLDER}node_modules/@oven`;
  const programs = existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}/bin/bun`) : [];
  for (const program of programs.sort()) {
    const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8", timeout: 10_000 });
    if (status === 0) return { program, version: stdout.trim() };
  }
  return null;
}
