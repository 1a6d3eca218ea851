/** One command's error and answer. */
export type Reply = [error: Error | null, answer: unknown];

/**
 * The answer; null where the key is of another kind, or is not there where one must be.
 *
 * @throws {Error} what else Redis says, as that it may not be asked or is still loading: that is no answer.
 */
export function answerOf([error, answer]: Reply): unknown {
  if (error && !isAboutKey(error)) throw error;
  return error ? null : answer;
}

function isAboutKey({ message }: Error): boolean {
  return message.startsWith("WRONGTYPE") || /no such key/i.test(message);
}
