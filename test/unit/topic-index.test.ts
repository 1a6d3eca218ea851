import { describe, expect, it } from "vitest";
import { TopicIndex } from "../../src/connections/topic-index.ts";

describe("the topic index", () => {
  it("finds the subscribers of one topic and of no other", () => {
    const index = new TopicIndex<string>();
    index.add("queue:a", "anna");
    index.add("queue:a", "ben");
    index.add("queue:b", "carl");
    expect([...index.of("queue:a")]).toEqual(["anna", "ben"]);
    expect([...index.of("queue:b")]).toEqual(["carl"]);
    expect([...index.of("queue:c")]).toEqual([]);
  });

  it("holds a subscriber once however often it is added", () => {
    const index = new TopicIndex<string>();
    index.add("*", "anna");
    index.add("*", "anna");
    expect([...index.of("*")]).toEqual(["anna"]);
    index.delete("*", "anna");
    expect([...index.of("*")]).toEqual([]);
  });

  it("knows a topic as long as somebody is subscribed to it", () => {
    const index = new TopicIndex<string>();
    expect(index.has("job:q:1")).toBe(false);
    index.add("job:q:1", "anna");
    index.add("job:q:1", "ben");
    index.delete("job:q:1", "anna");
    expect(index.has("job:q:1")).toBe(true);
    index.delete("job:q:1", "ben");
    expect(index.has("job:q:1")).toBe(false);
  });

  it("does not mind a subscriber or topic it never had", () => {
    const index = new TopicIndex<string>();
    index.add("*", "anna");
    index.delete("*", "ben");
    index.delete("queue:a", "anna");
    expect([...index.of("*")]).toEqual(["anna"]);
  });
});
