import { PROTOCOL_VERSION } from "../protocol/message.ts";
import type { ConnectionManagerOptions, OpenOptions } from "./options.ts";

/** Content of `connected`, which a connection is sent first. */
export function greeting({ clientId, topics }: OpenOptions, options: ConnectionManagerOptions): object {
  const { enableHeartbeat, heartbeatInterval, heartbeatTimeout } = options;
  return {
    client_id: clientId,
    protocol: PROTOCOL_VERSION,
    topics,
    heartbeat_interval: enableHeartbeat ? heartbeatInterval : null,
    heartbeat_timeout: enableHeartbeat ? heartbeatTimeout : null,
  };
}
