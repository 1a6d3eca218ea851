import { randomBytes } from "node:crypto";

/** A BullMQ key prefix no other test uses. */
export function uniquePrefix(): string {
  return `test-${randomBytes(6).toString("hex")}`;
}
