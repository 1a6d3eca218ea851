import { signal } from "@preact/signals";
import type { About } from "../protocol/admin.ts";
import { BRIDGE_URL } from "./addresses.ts";
import { KeptValue } from "./kept-value.ts";
import { RequestError } from "./request-error.ts";

/** Whether this page is let in. */
export type SessionState =
  | { kind: "asking" }
  | { kind: "open"; about: About }
  /** `isRefused`: a token was given, and it is not the one. */
  | { kind: "token-needed"; isRefused: boolean }
  | { kind: "refused"; reason: string }
  | { kind: "unreachable"; reason: string };

export interface RequestOptions {
  method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  body?: unknown;
  signal?: AbortSignal;
}

/** How long an answer may take, ms, where whoever asks does not say when it gives up. */
const PATIENCE_MS = 15_000;

/** Who looks at this page: its token, what the bridge answers to that, and every request made in its name. */
class Session {
  /** Pages are shown while it is `open`, and need not ask. */
  readonly state = signal<SessionState>({ kind: "asking" });
  /** Kept for the tab only: it is gone with it. */
  readonly #token = new KeptValue("bullcast-admin-token", () => sessionStorage);

  get token(): string | null {
    return this.#token.value;
  }

  /** What the bridge said of itself; null before it did. */
  get about(): About | null {
    return this.state.value.kind === "open" ? this.state.value.about : null;
  }

  /** Whether the bridge takes no orders. */
  get isReadOnly(): boolean {
    return this.about?.read_only ?? false;
  }

  /** Asks the bridge whether this page is let in; at the start, and whenever it may have become another bridge. */
  async ask(): Promise<void> {
    const { token } = this;
    try {
      const about = await this.request<Partial<About>>("/about");
      // Another has been entered meanwhile, and is asked for by itself.
      if (token !== this.token) return;
      // Whoever is not let in is told this much and no more.
      if (about.version === undefined) this.refuseToken();
      else this.state.value = { kind: "open", about: about as About };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // What was let in before stays on the screen: the connection says what is wrong with it.
      if (error.status === 403) this.state.value = { kind: "refused", reason: error.message };
      else if (error.status !== 401 && this.state.value.kind !== "open") {
        this.state.value = { kind: "unreachable", reason: error.message };
      }
    }
  }

  async signIn(token: string): Promise<void> {
    this.#token.value = token;
    await this.ask();
  }

  /** Forgets the token, and with it everything that was shown. */
  signOut(): void {
    this.#token.value = null;
    location.reload();
  }

  /** The bridge wants a token, and this page has none that it takes. */
  refuseToken(): void {
    const isRefused = this.token !== null;
    this.#token.value = null;
    this.state.value = { kind: "token-needed", isRefused };
  }

  /**
   * Asks the bridge something under its base path: `/queues`. Answers the JSON of the response; null when it has none.
   *
   * @throws {RequestError} when it does not answer, or answers with a problem.
   * @throws {DOMException} `AbortError` when the signal says so.
   */
  async request<Answer>(path: string, options: RequestOptions = {}): Promise<Answer> {
    const { method = "GET", body, signal = AbortSignal.timeout(PATIENCE_MS) } = options;
    const { token } = this;
    const headers = new Headers({ accept: "application/json" });
    if (token !== null) headers.set("authorization", `Bearer ${token}`);
    if (body !== undefined) headers.set("content-type", "application/json");
    const text = body === undefined ? null : JSON.stringify(body);
    let response: Response;
    try {
      response = await fetch(BRIDGE_URL + path, { method, headers, body: text, signal, cache: "no-store" });
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw RequestError.ofSilence(cause);
    }
    // Of several requests under way all are refused; by then there may be another token, which was not.
    if (response.status === 401 && token === this.token) this.refuseToken();
    if (!response.ok) throw await RequestError.ofResponse(response);
    if (response.status === 204) return null as Answer;
    try {
      return (await response.json()) as Answer;
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw signal.aborted ? RequestError.ofSilence(cause) : RequestError.ofNoJson(response, cause);
    }
  }
}

export const session = new Session();
