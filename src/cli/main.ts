#!/usr/bin/env node
import { InvalidSettingsError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { helpText, readCommand, UsageError } from "./flags.ts";
import { serve } from "./serve.ts";

try {
  const command = readCommand(process.argv.slice(2));
  if (command.name === "help") console.log(helpText());
  else if (command.name === "version") console.log(VERSION);
  else await serve(command.settings);
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof InvalidSettingsError;
  console.error(`bullcast: ${error instanceof Error ? error.message : String(error)}`);
  if (isUsage) console.error("\n`bullcast --help` lists the options.");
  process.exit(isUsage ? 2 : 1);
}
