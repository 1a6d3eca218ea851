import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type {
  BullcastClientError,
  BullcastClientOptions,
  ClientState,
  ServerMessage,
} from "../../../src/client/index.ts";
import { BullcastClient } from "../../../src/client/index.ts";
import { Latch } from "./latch.ts";

/** A client with everything it has told of. */
export interface ObservedClient {
  client: BullcastClient;
  messages: ServerMessage[];
  states: ClientState[];
  errors: BullcastClientError[];
  /** Waits until a condition holds; it is checked at each event. */
  until(holds: () => boolean, complaint: string): Promise<void>;
}

/** A client that reconnects fast and ends with the test. */
export function observeClient(options: BullcastClientOptions): ObservedClient {
  const client = new BullcastClient({ WebSocket, reconnect: { minDelayMs: 1, maxDelayMs: 20 }, ...options });
  const latch = new Latch();
  const observed: ObservedClient = {
    client,
    messages: [],
    states: [],
    errors: [],
    until: (holds, complaint) => latch.until(holds, complaint),
  };
  const keep =
    <Event>(list: Event[]) =>
    (event: Event) => {
      list.push(event);
      latch.changed();
    };
  client.on("message", keep(observed.messages));
  client.on("state", keep(observed.states));
  client.on("error", keep(observed.errors));
  onTestFinished(() => client.close());
  return observed;
}

/** The same, connecting. */
export function connectClient(options: BullcastClientOptions): ObservedClient {
  const observed = observeClient(options);
  observed.client.connect();
  return observed;
}
