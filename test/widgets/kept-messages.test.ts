import { expect, test } from "vitest";
import { WebSocketMessage } from "../../src/protocol/message.ts";
import { fakeCatchUp } from "../unit/support/fake-catch-up.ts";
import { fakeHistory, makeManager, message, openViewer } from "../unit/support/manager.ts";

const part = (number: number) => () => new WebSocketMessage({ type: "widget", content: number });

test("what is kept comes first, what is not kept any more is passed over, and the rest of the past follows", async () => {
  const { manager } = makeManager();
  const topic = "widget:AAAAAAAAAAAAAAAAAAAAAA";
  manager.useKeptMessages({
    subscribed: (asked) => (asked === topic ? [part(0), () => null, part(2)] : null),
  });
  const catchUp = fakeCatchUp([message("task_added"), message("task_active")]);
  manager.useHistory(fakeHistory({ catchUp: () => catchUp }));
  const viewer = openViewer(manager);
  viewer.send({ type: "subscribe", content: { topics: ["job:emails:1", topic] } });
  const told = await viewer.takeUntil("subscribed");
  expect(told.map(({ type, content }) => (type === "widget" ? content : type))).toEqual([
    0,
    2,
    "task_added",
    "task_active",
    "subscribed",
  ]);
});
