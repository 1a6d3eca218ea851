// `npm test`: gets the machine ready, then runs the whole suite. Arguments are vitest's.
import { spawn } from "node:child_process";
import { ensureBuild, ensureDependencies, ensureTestTools, exitCodeOf, ROOT, runMain } from "./setup.mjs";

await runMain(async () => {
  await ensureDependencies();
  await ensureTestTools();
  await ensureBuild();

  const args = ["node_modules/vitest/vitest.mjs", "run", ...process.argv.slice(2)];
  const vitest = spawn(process.execPath, args, { cwd: ROOT, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // Ctrl-C has already reached vitest through the terminal, and a second SIGINT would cut its clean-up short.
      const isFromTerminal = signal === "SIGINT" && process.stdin.isTTY;
      if (!isFromTerminal) vitest.kill(signal);
    });
  }
  vitest.once("exit", (code, signal) => process.exit(exitCodeOf(code, signal)));
});
