import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { InputIssue } from "../input-issue.ts";

/** An RFC 9457 problem document. */
export interface Problem {
  status: number;
  /** What went wrong this time, and what to do. */
  detail: string;
  /** The wrong fields, each with what was expected and what was given. */
  errors?: readonly InputIssue[];
}

/** Answers with JSON that no cache keeps. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  contentType = "application/json",
): void {
  response.writeHead(status, {
    "content-type": `${contentType}; charset=utf-8`,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(JSON.stringify(body));
}

/** The document a problem is sent as. */
export function problemDocument({ status, detail, errors }: Problem): object {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, ...(errors && { errors }) };
}

/** Answers with a problem document. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  if (problem.status === 401) response.setHeader("www-authenticate", "Bearer");
  sendJson(response, problem.status, problemDocument(problem), "application/problem+json");
}

/** Answers that the request's fields cannot be used. */
export function sendInvalid(response: ServerResponse, errors: readonly InputIssue[]): void {
  const fields = errors.map(({ field }) => field).join(", ");
  sendProblem(response, { status: 400, detail: `the request cannot be used: ${fields}`, errors });
}

/** Answers that only other methods are possible. */
export function refuseMethod(allowed: string) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    response.setHeader("allow", allowed);
    sendProblem(response, { status: 405, detail: `${request.method} is not possible here, only ${allowed}` });
  };
}
