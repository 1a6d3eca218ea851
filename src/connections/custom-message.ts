import { InvalidMessageError } from "../errors.ts";
import type { MessageFields } from "../protocol/message.ts";
import { CUSTOM_TYPE_FORM, CUSTOM_TYPE_PATTERN, isProtocolType } from "../protocol/message.ts";

/**
 * Checks that an application may send a message with these fields.
 *
 * @throws {InvalidMessageError} when its type is malformed or the protocol's own, or its meta has a `cursor`.
 */
export function checkCustomMessage({ type, meta }: MessageFields): void {
  if (typeof type !== "string" || !CUSTOM_TYPE_PATTERN.test(type) || isProtocolType(type)) {
    throw new InvalidMessageError(
      `"${type}" cannot be sent by an application: expected ${CUSTOM_TYPE_FORM} and no protocol type`,
    );
  }
  if (meta && "cursor" in meta) {
    throw new InvalidMessageError("meta.cursor cannot be set by an application: clients keep it to resume");
  }
}
