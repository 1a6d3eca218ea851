export type { JobState, SnapshotContent } from "../protocol/snapshot.ts";
export type { BullcastClientOptions } from "./bullcast-client.ts";
export { BullcastClient } from "./bullcast-client.ts";
export type { ClientErrorCode } from "./bullcast-client-error.ts";
export { BullcastClientError } from "./bullcast-client-error.ts";
export type { JobChange, JobStoreOptions } from "./job-store.ts";
export { JobStore } from "./job-store.ts";
export type { JobLogLine, JobView } from "./job-view.ts";
export { applyMessage, unknownJob } from "./job-view.ts";
export type { JobWatch } from "./job-watches.ts";
export type {
  AnswerMeta,
  GapMeta,
  JobMeta,
  KnownMessages,
  KnownMessageType,
  LogMeta,
  PingMeta,
  QueueMeta,
  RetryMeta,
  SnapshotMeta,
  WidgetContent,
  WidgetMeta,
} from "./known-messages.ts";
export type { ClientState } from "./link.ts";
export type { MessageOf, ServerMessage } from "./server-message.ts";
export type { SubscribeResult } from "./subscribe-call.ts";
export type { WebSocketConstructor, WebSocketLike } from "./web-socket-like.ts";
