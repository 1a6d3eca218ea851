/** Waits for something that may never come, but not for longer than this, ms. */
export async function withPatience(awaited: Promise<void>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([awaited, patience]).finally(() => clearTimeout(timer));
}
