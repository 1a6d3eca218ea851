/** One thing that is wrong with a request, as the bridge lists them. */
export interface RequestIssue {
  field: string;
  expected: string;
  given: string;
}

interface Problem {
  detail?: string;
  errors?: RequestIssue[];
}

/** A request that was not done; its message is the bridge's own and may be shown. */
export class RequestError extends Error {
  /** The HTTP status; 0 when the bridge did not answer. */
  readonly status: number;
  readonly issues: readonly RequestIssue[];

  constructor(status: number, message: string, issues: readonly RequestIssue[] = [], cause?: unknown) {
    super(message, { cause });
    this.name = "RequestError";
    this.status = status;
    this.issues = issues;
  }

  static ofSilence(cause: unknown): RequestError {
    return new RequestError(0, "The bridge does not answer.", [], cause);
  }

  /** What should have been JSON is not: a page of a proxy, for example, where one has to sign in first. */
  static ofNoJson({ status }: Response, cause: unknown): RequestError {
    return new RequestError(status, "What came is not from the bridge, or was cut off on its way.", [], cause);
  }

  static async ofResponse(response: Response): Promise<RequestError> {
    // A proxy in between may answer anything.
    const problem: Problem = await response.json().catch(() => ({}));
    const message = problem.detail ?? `The bridge answered ${response.status} ${response.statusText}`.trim();
    return new RequestError(response.status, message, problem.errors);
  }
}
