/** At most so many characters of a text. The rest is not held in memory any more, as it would be by a mere `slice`. */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  return JSON.parse(JSON.stringify(`${text.slice(0, maxLength - 1)}…`)) as string;
}
