import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Tests start servers, worker processes and browsers, and wait for them: three files side by side fill two cores.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    sequence: { hooks: "stack" },
  },
});
