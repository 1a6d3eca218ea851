import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Authenticate, Principal } from "../handed-in.ts";

/** Why a request is not served; `detail` names what to set and is safe to show. */
export interface Refusal {
  status: 401 | 403;
  detail: string;
}

export interface AccessSettings {
  adminToken?: string | undefined;
  authenticate?: Authenticate | undefined;
  allowedOrigins: readonly string[];
  allowedHosts: readonly string[];
  insecure: boolean;
}

/** Whether a viewer is let in; one without a name has no principal. An administrator may do there what REST does. */
export type Admission = { principal: Principal | null; isAdmin: boolean } | { refusal: Refusal };

/** Whoever presents the admin token; no name an application would give. */
const ADMIN: Principal = { id: "(admin token)" };
const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
/** A request that came through a proxy says nothing about where it began, though the proxy is on loopback. */
const PROXY_HEADER =
  /^(forwarded|x-forwarded-.*|x-original-.*|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip|via)$/;

/**
 * Decides who is served. Closed by default: without `authenticate` (viewers) or an admin token (REST) only requests
 * that begin on this machine are, as far as can be told.
 */
export class Access {
  readonly #settings: AccessSettings;
  readonly #adminDigest: Buffer | null;

  constructor(settings: AccessSettings) {
    this.#settings = settings;
    this.#adminDigest = settings.adminToken === undefined ? null : digest(settings.adminToken);
  }

  /** Whether a REST request is refused; null when it is not. */
  refuseRest(request: IncomingMessage): Refusal | null {
    const refusal = this.#refuseOrigin(request);
    if (refusal) return refusal;
    if (this.#adminDigest) {
      if (this.#isAdmin(bearerToken(request))) return null;
      return { status: 401, detail: "this needs the admin token, as `Authorization: Bearer <token>`" };
    }
    return this.#refuseStranger(request, "`adminToken` (BULLCAST_ADMIN_TOKEN)");
  }

  /**
   * Who is behind a WebSocket upgrade. The admin token, as a bearer token or in the `token` parameter, admits always.
   * Rejects when `authenticate` does, or answers something else than it should.
   */
  async admitViewer(request: IncomingMessage, tokenParameter: string | null): Promise<Admission> {
    const refusal = this.#refuseOrigin(request);
    if (refusal) return { refusal };
    const token = bearerToken(request) ?? tokenParameter;
    if (this.#isAdmin(token)) return { principal: ADMIN, isAdmin: true };
    // Without an admin token whoever REST would serve is one.
    const isAdmin = !this.#adminDigest && this.refuseRest(request) === null;
    if (this.#settings.authenticate) {
      const principal = await this.#settings.authenticate(request);
      if (principal && !(typeof principal.id === "string" && principal.id !== "")) {
        throw new TypeError("`authenticate` must answer null or an object whose `id` is a string that is not empty");
      }
      return principal
        ? { principal, isAdmin }
        : { refusal: { status: 401, detail: "these credentials are not accepted" } };
    }
    if (this.#adminDigest && token !== null) return { refusal: { status: 401, detail: "this is not the admin token" } };
    const stranger = this.#refuseStranger(
      request,
      "`authenticate`, or `adminToken` (BULLCAST_ADMIN_TOKEN) and pass it",
    );
    return stranger ? { refusal: stranger } : { principal: null, isAdmin };
  }

  /** A page of another origin may not use its visitor's browser to get in. */
  #refuseOrigin(request: IncomingMessage): Refusal | null {
    const { origin, host } = request.headers;
    if (origin === undefined || this.#settings.allowedOrigins.includes(origin) || isSameHost(origin, host)) return null;
    const given = origin.slice(0, 200);
    return {
      status: 403,
      detail: `origin ${given} is not allowed: add it to \`allowedOrigins\` (BULLCAST_ALLOWED_ORIGINS)`,
    };
  }

  #refuseStranger(request: IncomingMessage, whatToSet: string): Refusal | null {
    const reason = this.#settings.insecure ? this.#whyNotInsecurely(request) : this.#whyNotLocal(request);
    return reason === null ? null : { status: 403, detail: `${reason}; to serve others set ${whatToSet}` };
  }

  #whyNotLocal({ socket, headers, httpVersion }: IncomingMessage): string | null {
    if (!isLoopback(socket.remoteAddress)) return "only requests from this machine are served";
    // nginx says nothing of whom it speaks for unless it is told to, but speaks HTTP/1.0 then.
    if (httpVersion === "1.0" || Object.keys(headers).some((name) => PROXY_HEADER.test(name))) {
      return "only direct requests from this machine are served, and this one came through a proxy";
    }
    return this.#whyNotHost(headers.host);
  }

  /** Where hosts are named they hold for `insecure` too: a name that an attacker points here is none of them. */
  #whyNotInsecurely({ headers }: IncomingMessage): string | null {
    return this.#settings.allowedHosts.length === 0 ? null : this.#whyNotHost(headers.host);
  }

  #whyNotHost(header: string | undefined): string | null {
    const host = hostName(header);
    if (host !== null && [...LOCAL_HOSTS, ...this.#settings.allowedHosts].includes(host)) return null;
    const given = (header ?? "nothing").slice(0, 200);
    return `host ${given} is neither local nor in \`allowedHosts\` (BULLCAST_ALLOWED_HOSTS)`;
  }

  #isAdmin(token: string | null): boolean {
    return this.#adminDigest !== null && token !== null && timingSafeEqual(digest(token), this.#adminDigest);
  }
}

/** Digests are of one length, which comparing in constant time needs. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function bearerToken(request: IncomingMessage): string | null {
  return /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1] ?? null;
}

function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  const own = `${protocol}//${host}`;
  // Read through URL, so that a port that is the scheme's own counts as none.
  return URL.canParse(own) && new URL(own).host === originHost && originHost !== "";
}

function isLoopback(address: string | undefined): boolean {
  return address === "::1" || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address ?? "");
}

/** The host without its port, lower case; null when there is none. */
function hostName(host: string | undefined): string | null {
  return /^(\[[^\]]+\]|[^:[\]]+)(:\d+)?$/.exec(host ?? "")?.[1]?.toLowerCase() ?? null;
}
