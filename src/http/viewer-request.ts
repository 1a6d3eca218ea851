import { describeGiven } from "../input-issue.ts";
import { CLIENT_ID_PATTERN, MAX_TOPICS } from "../protocol/client-message.ts";
import type { Topic } from "../protocol/topic.ts";
import { ALL_TOPIC, jobTopic, MAX_TOPIC_LENGTH, parseTopic, queueTopic } from "../protocol/topic.ts";
import { splitOnce } from "./split-once.ts";

/** What the URL of an upgrade asks for. */
export interface ViewerRequest {
  /** Null when the client leaves the choice to the server. */
  clientId: string | null;
  topics: Topic[];
  /** Cursors handed back; null when there are none. */
  since: string[] | null;
  token: string | null;
  /** What is wrong with the URL; null when nothing is. */
  problem: string | null;
}

/** Reads `<basePath>[/<client_id>]?queue=&job=&since=&token=&watch=none`. Other parameters are the application's. */
export function readViewerRequest(url: string, basePath: string): ViewerRequest {
  const [path = "", query = ""] = splitOnce(url, "?");
  const parameters = new URLSearchParams(query);
  const problems: string[] = [];
  const clientId = readClientId(path.slice(basePath.length), problems);
  const watch = parameters.get("watch");
  if (watch !== null && watch !== "none") problems.push(`watch: expected none, given ${describeGiven(watch)}`);
  const topics = [...readTopics("queue", parameters, problems), ...readTopics("job", parameters, problems)];
  if (topics.length > MAX_TOPICS) problems.push(`queue and job: expected at most ${MAX_TOPICS} together`);
  if (topics.length === 0 && watch === null) topics.push(ALL_TOPIC);
  const since = parameters.getAll("since");
  return {
    clientId,
    topics,
    since: since.length > 0 ? since : null,
    token: parameters.get("token"),
    problem: problems.length > 0 ? problems.join("; ") : null,
  };
}

function readClientId(path: string, problems: string[]): string | null {
  if (path === "" || path === "/") return null;
  const clientId = path.slice(1);
  // The characters of an id are those that need no escaping in a URL, so none is undone here.
  if (CLIENT_ID_PATTERN.test(clientId)) return clientId;
  problems.push(`client id: expected 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -, given ${describeGiven(clientId)}`);
  return null;
}

function readTopics(parameter: "queue" | "job", parameters: URLSearchParams, problems: string[]): Topic[] {
  const [form, topicOf] =
    parameter === "queue"
      ? (["<name>", queueTopic] as const)
      : (["<queue>:<id>", (value: string) => jobTopic(...splitOnce(value, ":"))] as const);
  return parameters.getAll(parameter).flatMap((value) => {
    const topic = topicOf(value);
    if (parseTopic(topic)?.kind === parameter) return [topic];
    const isTooLong = topic.length > MAX_TOPIC_LENGTH;
    const limit = isTooLong ? `, at most ${MAX_TOPIC_LENGTH} characters as the topic ${parameter}:${form}` : "";
    problems.push(`${parameter}: expected ${form}${limit}, given ${describeGiven(value)}`);
    return [];
  });
}
