/** A promise the test settles. */
export interface Latch<Value> {
  promise: Promise<Value>;
  open: (value: Value) => void;
  fail: (error: Error) => void;
}

export function latch<Value = void>(): Latch<Value> {
  let open: (value: Value) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}
