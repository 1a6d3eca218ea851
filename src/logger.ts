import type { Logger } from "pino";
import { pino } from "pino";

export type { Logger };

/** Names of the parts that log; each logs through a child of the bridge's logger. */
export type LoggerPart = "connections" | "sources" | "notifier" | "http" | "widgets";

/** The logger of one part of the bridge. */
export function partLogger(logger: Logger, part: LoggerPart): Logger {
  return logger.child({ part });
}

/** The logger used when the application gives none: JSON lines on standard output, at `info`. */
export function createDefaultLogger(): Logger {
  return pino({ name: "bullcast", base: null });
}
