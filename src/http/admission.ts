import type { IncomingMessage } from "node:http";
import type { Access, Admission } from "../auth/access.ts";

/** How long `authenticate` may take. */
const AUTHENTICATE_TIMEOUT_MS = 10_000;

/** Who is behind a viewer's request; rejects also when `authenticate` does not answer in time. */
export async function admitInTime(
  access: Access,
  request: IncomingMessage,
  tokenParameter: string | null,
): Promise<Admission> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const error = new Error(`\`authenticate\` did not answer within ${AUTHENTICATE_TIMEOUT_MS} ms`);
    timer = setTimeout(reject, AUTHENTICATE_TIMEOUT_MS, error);
  });
  return Promise.race([access.admitViewer(request, tokenParameter), deadline]).finally(() => clearTimeout(timer));
}
