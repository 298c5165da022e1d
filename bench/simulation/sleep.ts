type Sleep = (ms: number) => Promise<void>;

let current: Sleep | undefined;

/** What a function under simulation sleeps by: time passes for it as for a call that it waits for. */
export async function sleep(ms: number): Promise<void> {
  if (current === undefined) throw new Error('No simulation is under way');
  await current(ms);
}

/** Lets functions sleep so for a while. @returns what ends it */
export function sleepBy(made: Sleep): () => void {
  current = made;
  return () => {
    current = undefined;
  };
}
