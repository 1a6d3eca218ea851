/** Base of every error bullcast throws on purpose; `code` is stable across versions. */
export abstract class BullcastError extends Error {
  /** Stable identifier, for example `INVALID_SETTINGS`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** One setting that cannot be used. Secrets are masked in `given`. */
export interface SettingIssue {
  setting: string;
  expected: string;
  given: string;
}

/** One or more settings cannot be used; the message lists all of them. */
export class InvalidSettingsError extends BullcastError {
  readonly code = "INVALID_SETTINGS";
  readonly issues: readonly SettingIssue[];

  constructor(issues: readonly SettingIssue[]) {
    const lines = issues.map(({ setting, expected, given }) => `  ${setting}: expected ${expected}; given ${given}`);
    super(`${issues.length === 1 ? "one setting" : `${issues.length} settings`} cannot be used\n${lines.join("\n")}`);
    this.issues = issues;
  }
}

/** A message cannot be sent as it is: wrong type, wrong shape, or not JSON. */
export class InvalidMessageError extends BullcastError {
  readonly code = "INVALID_MESSAGE";
}

/** A handler is already registered for this message type, or the type belongs to the protocol. */
export class InvalidHandlerError extends BullcastError {
  readonly code = "INVALID_HANDLER";
}

/** A queue name, or what was handed in for one, cannot be attached. */
export class InvalidQueueError extends BullcastError {
  readonly code = "INVALID_QUEUE";
}

/** A cursor is forged, damaged or of a queue that is not attached here. */
export class InvalidCursorError extends BullcastError {
  readonly code = "INVALID_CURSOR";
}

/** The bridge has been closed and cannot be used any more. */
export class BridgeClosedError extends BullcastError {
  readonly code = "BRIDGE_CLOSED";
}
