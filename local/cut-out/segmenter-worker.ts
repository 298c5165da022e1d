import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { type Answer, MASK_SIZE, type Question } from './segmenter.ts';

/** The mean and the deviation of red, green and blue in the pictures that the model was trained on. */
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

const port = parentPort;
if (port === null) throw new Error('This file runs in a worker only');

env.wasm.numThreads = 1;
const loading = InferenceSession.create(readFileSync(new URL('./u2netp.onnx', import.meta.url)));
/** A session does one thing at a time. What fails ends this thread, and is thrown to those who wait for it. */
let last: Promise<void> = Promise.resolve();

port.on('message', ({ id, rgb }: Question) => {
  last = last.then(async () => {
    const answer: Answer = { id, mask: await maskOf(await loading, rgb) };
    port.postMessage(answer);
  });
});

async function maskOf(session: InferenceSession, rgb: Uint8Array): Promise<Uint8Array> {
  const [input] = session.inputNames;
  // The first output is the model's last word; the others are what it is made of.
  const [output] = session.outputNames;
  if (input === undefined || output === undefined) throw new Error('The model has no input or no output');
  const results = await session.run({ [input]: tensorOf(rgb) }, [output]);
  const shares = results[output]?.data as Float32Array;
  return Uint8Array.from(shares, (share) => Math.round(share * 255));
}

/** The picture channel by channel, as the model takes it. */
function tensorOf(rgb: Uint8Array): Tensor {
  const area = MASK_SIZE ** 2;
  const values = new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    const [mean = 0, deviation = 1] = [MEAN[channel], DEVIATION[channel]];
    for (let pixel = 0; pixel < area; pixel++) {
      values[channel * area + pixel] = ((rgb[pixel * 3 + channel] ?? 0) / 255 - mean) / deviation;
    }
  }
  return new Tensor('float32', values, [1, 3, MASK_SIZE, MASK_SIZE]);
}
