import { Worker } from 'node:worker_threads';

/** The model takes and gives squares of so many pixels. */
export const MASK_SIZE = 320;

/** A picture for the worker: three bytes a pixel. */
export interface Question {
  id: number;
  rgb: Uint8Array;
}

/** What it makes of it: one byte a pixel. */
export interface Answer {
  id: number;
  mask: Uint8Array;
}

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
 * The model works in a thread of its own, one picture after the other, as each takes a second or two. It is loaded when it
 * is first needed, stays loaded, and keeps the process from ending only while it works.
 *
 * @param rgb Three bytes a pixel, {@link MASK_SIZE} by {@link MASK_SIZE}.
 */
export function segment(rgb: Uint8Array): Promise<Uint8Array> {
  worker ??= startWorker();
  const question: Question = { id: ++count, rgb };
  return new Promise((resolve, reject) => {
    waiting.set(question.id, { resolve, reject });
    worker?.ref();
    worker?.postMessage(question);
  });
}

function startWorker(): Worker {
  const started = new Worker(new URL('./segmenter-worker.ts', import.meta.url), {
    // Flags of this process need not fit a file.
    execArgv: [],
  });
  started.on('message', ({ id, mask }: Answer) => {
    waiting.get(id)?.resolve(mask);
    waiting.delete(id);
    if (waiting.size === 0) started.unref();
  });
  // It has crashed, or could not start: whoever comes next gets another one.
  started.on('error', (error: Error) => {
    worker = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return started;
}
