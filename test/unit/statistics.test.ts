import { expect, it } from "vitest";
import { Statistics } from "../../src/connections/statistics.ts";

it("counts 1,000 types of messages by themselves and any others together, so that no application can fill its memory", () => {
  const statistics = new Statistics();
  for (let index = 0; index < 1500; index += 1) statistics.messagesSent(`news-${index}`, 2);
  statistics.messagesSent("news-7", 1);
  expect(Object.keys(statistics.byType)).toHaveLength(1001);
  expect(statistics.byType).toMatchObject({ "news-7": 3, "news-999": 2, "(others)": 1000 });
  expect(statistics.messages.out).toBe(3001);
});
