import { Worker } from 'node:worker_threads';

/** The model takes and gives squares of so many pixels. */
export const MASK_SIZE = 320;

/** What the worker answers. */
export type Segmented = { id: number; mask: Uint8Array } | { id: number; error: string };

interface Waiting {
  resolve: (mask: Uint8Array) => void;
  reject: (error: Error) => void;
}

let worker: Worker | undefined;
let count = 0;
const waiting = new Map<number, Waiting>();

/**
 * Tells how much each pixel belongs to the picture's subject, from 0 to 255.
 *
 * The model works in a thread of its own, one picture after the other, as it takes a second or two. It is loaded when it is
 * first needed, and keeps the process from ending only while it works.
 *
 * @param rgb Three bytes a pixel, {@link MASK_SIZE} by {@link MASK_SIZE}.
 */
export function segment(rgb: Buffer): Promise<Uint8Array> {
  worker ??= startWorker();
  const id = ++count;
  worker.ref();
  worker.postMessage({ id, rgb });
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

function startWorker(): Worker {
  const started = new Worker(new URL('./segmenter-worker.ts', import.meta.url));
  started.on('message', (answer: Segmented) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) started.unref();
    if ('mask' in answer) asked?.resolve(answer.mask);
    else asked?.reject(new Error(answer.error));
  });
  // It could not be started, or has crashed: whoever comes next gets another one.
  started.on('error', (error: Error) => {
    if (worker === started) worker = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return started;
}
