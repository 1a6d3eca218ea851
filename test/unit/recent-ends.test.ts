import { describe, expect, it } from "vitest";
import { RecentEnds } from "../../src/notifier/recent-ends.ts";
import { frameOf } from "./support/frames.ts";

describe("how jobs have ended", () => {
  it("is remembered until the job lives again; the newest end counts", () => {
    const ends = new RecentEnds();
    const [first, second] = [frameOf("first"), frameOf("second")];
    expect(ends.get("emails:1")).toBeUndefined();
    ends.set("emails:1", first);
    ends.set("emails:1", second);
    expect(ends.get("emails:1")).toBe(second);
    ends.delete("emails:1");
    ends.delete("emails:1");
    expect(ends.get("emails:1")).toBeUndefined();
  });

  it("is forgotten with the queue, and not with one whose name begins alike", () => {
    const ends = new RecentEnds();
    for (const key of ["mail:1", "mail:a:b", "mails:1", "email:1"]) ends.set(key, frameOf(key));
    ends.forget("mail");
    expect(["mail:1", "mail:a:b", "mails:1", "email:1"].map((key) => ends.get(key) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it("is remembered of 20,000 jobs; those told longest ago are forgotten first", () => {
    const ends = new RecentEnds();
    const frame = frameOf("x");
    ends.set("emails:again", frame);
    for (let job = 0; job < 19_999; job += 1) ends.set(`emails:${job}`, frame);
    ends.set("emails:again", frame);
    ends.set("emails:one-more", frame);
    expect(ends.get("emails:0")).toBeUndefined();
    expect(ends.get("emails:1")).toBe(frame);
    expect(ends.get("emails:again")).toBe(frame);
    expect(ends.get("emails:one-more")).toBe(frame);
  });

  it("takes at most 32 MiB, whatever came and went", () => {
    const ends = new RecentEnds();
    const mebibyte = frameOf("x".repeat(1024 ** 2));
    for (let round = 0; round < 100; round += 1) {
      ends.set("emails:same", mebibyte);
      ends.delete("emails:same");
    }
    for (let job = 0; job < 33; job += 1) ends.set(`emails:${job}`, mebibyte);
    expect(ends.get("emails:0")).toBeUndefined();
    expect(ends.get("emails:1")).toBe(mebibyte);
    expect(ends.get("emails:32")).toBe(mebibyte);
  });
});
