// Chance that can be had again: the same seed makes the same choices, in whatever order its parts ask.

/**
 * A seeded random source (mulberry32).
 *
 * @param {string | number} seed
 */
export function createRandom(seed) {
  let state = hash(String(seed));
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const integer = (from, to) => from + Math.floor(next() * (to - from + 1));
  const pick = (list) => list[Math.floor(next() * list.length)];
  return {
    /** From 0 up to, but not, 1. */
    next,
    /** A whole number, both ends included. */
    integer,
    chance: (probability) => next() < probability,
    pick,
    /** One of the names of an object whose values are weights. */
    weighted(weights) {
      const names = Object.keys(weights);
      let rest = next() * names.reduce((sum, name) => sum + weights[name], 0);
      for (const name of names) {
        rest -= weights[name];
        if (rest < 0) return name;
      }
      return names.at(-1);
    },
    /** Some of a list, at least one. */
    some: (list, share) => {
      const chosen = list.filter(() => next() < share);
      return chosen.length > 0 ? chosen : [pick(list)];
    },
    /** A source of its own for one part, so that another part that asks more often does not change its choices. */
    fork: (name) => createRandom(`${seed}/${name}`),
  };
}

function hash(text) {
  let value = 2166136261;
  for (const character of text) value = Math.imul(value ^ character.charCodeAt(0), 16777619);
  return value;
}
