export interface PrivateRedis {
  url: string;
  port: number;
  pid: number;
  /** Ends the server, by SIGKILL unless told otherwise, and waits until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}
export function findRedisServer(): string | null;
export function freePort(): Promise<number>;
export function startPrivateRedis(options?: { port?: number; args?: string[] }): Promise<PrivateRedis>;
