import { describe, expect, it } from "vitest";
import type { Logger } from "../../src/worker/index.ts";
import { withJobLogger } from "../../src/worker/index.ts";
import { openRedis } from "../support/redis.ts";
import { openBench, readLog, versions } from "./support.ts";

const MAX_FIELD_BYTES = 16 * 1024;

describe.each(versions)("odd values logged with $version", ({ open }) => {
  async function logged(log: (logger: Logger) => void): Promise<Record<string, string>[]> {
    const bench = openBench(
      open,
      withJobLogger(async (_job, logger) => log(logger)),
    );
    expect((await bench.run()).error).toBeNull();
    return (await readLog(openRedis(), bench)).map(({ fields }) => fields);
  }

  it("never throw into the job, and each leaves a line", async () => {
    const circular: Record<string, unknown> = { name: "circle" };
    circular.self = circular;
    const throwing = {
      get secret(): string {
        throw new Error("the getter threw");
      },
    };
    const throwingError = {
      get secret(): string {
        throw Object.defineProperty(new Error(), "message", {
          get() {
            throw new Error("twice");
          },
        });
      },
    };
    const refusing = {
      toJSON(): never {
        throw new Error("toJSON threw");
      },
    };
    const lines = await logged((logger) => {
      logger.info({ big: 10n }, "bigint");
      logger.info(circular, "circular");
      logger.warn(throwing, "getter");
      logger.info(throwingError, "error that throws");
      logger.info({ refusing }, "toJSON");
      Reflect.apply(logger.info, logger, ["symbol %d", Symbol("s")]);
      logger.info({ call: () => 1, nothing: undefined }, "function");
      logger.child(throwing).info("child");
      Reflect.apply(logger.info, logger, [undefined]);
      Reflect.apply(logger.info, logger, [null]);
      Reflect.apply(logger.info, logger, [42]);
      Reflect.apply(logger.info, logger, [Symbol("message")]);
    });

    expect(lines.map(({ msg }) => msg)).toEqual([
      "bigint",
      "circular",
      "getter",
      "error that throws",
      "toJSON",
      "symbol %d",
      "function",
      "child",
      "",
      "null",
      "42",
      "",
    ]);
    expect(lines[0]?.data).toBe('{"big":10}');
    expect(JSON.parse(lines[1]?.data ?? "")).toMatchObject({ name: "circle" });
    expect(lines[2]).toMatchObject({ level: "warn", data: '{"unserialisable":"the getter threw"}' });
    expect(lines[3]?.data).toBe('{"unserialisable":"unknown"}');
    expect(lines[6]?.data).toBeUndefined();
  });

  it("are bounded: a long message is cut within whole characters and says so, large data gives way to its size", async () => {
    const atLimit = "x".repeat(MAX_FIELD_BYTES);
    const long = `a${"é".repeat(20_000)}`;
    const [whole, cut, large] = await logged((logger) => {
      logger.info(atLimit);
      logger.info(long);
      logger.info({ blob: "y".repeat(20_000) }, "large");
    });

    expect(whole?.msg).toBe(atLimit);
    // One byte and 8,191 characters of two make 16,383; half a character does not fit.
    expect(cut?.msg).toBe(`a${"é".repeat(8191)}… [cut: the line had 40001 bytes]`);
    expect(large).toMatchObject({ msg: "large", data: '{"omitted":"too large","bytes":20011}' });
  });
});
