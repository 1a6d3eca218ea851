import fc from "fast-check";
import { expect, it } from "vitest";
import { compareStreamIds } from "../../src/sources/fact.ts";
import { SortedIds } from "../../src/sources/sorted-ids.ts";

const ids = fc.array(fc.tuple(fc.nat(20), fc.nat(5)).map(([milliseconds, sequence]) => `${milliseconds}-${sequence}`));

it("sorted ids hold what they were made of and nothing else", () => {
  fc.assert(
    fc.property(ids, ids, (held, asked) => {
      const sorted = new SortedIds([...held].sort(compareStreamIds));
      for (const id of [...held, ...asked]) expect(sorted.has(id)).toBe(held.includes(id));
    }),
  );
});
