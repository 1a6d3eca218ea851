import type { IncomingMessage, ServerResponse } from "node:http";
import type { Access } from "../auth/access.ts";
import type { About } from "../protocol/admin.ts";
import { sendJson, sendProblem } from "./problem.ts";
import type { RefusalLog } from "./refusal-log.ts";

/**
 * Says what this bridge is and allows. To be asked before anything else, so that the dashboard can ask for the token, or
 * say why it is refused: that the token is missing is an answer here, no refusal. Whoever brings a
 * wrong one is told the same, but it is logged: nobody is to try tokens unheard.
 */
export function serveAbout({ about, access, refusals }: { about: About; access: Access; refusals: RefusalLog }) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = access.refuseRest(request);
    if (!refusal) return sendJson(response, 200, about);
    const isQuestion = refusal.status === 401 && request.headers.authorization === undefined;
    if (!isQuestion) refusals.add(request, refusal);
    if (refusal.status === 401) sendJson(response, 200, { needs_token: true });
    else sendProblem(response, refusal);
  };
}
