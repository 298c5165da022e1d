import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { MASK_SIZE, segment } from '../../../local/cut-out/segmenter.ts';

const LOCAL = join(import.meta.dirname, '../../../local');

/** The photo among the samples, as the model takes it. */
const photo = await sharp(join(LOCAL, 'sample/coffee.jpg'))
  .resize(MASK_SIZE, MASK_SIZE, { fit: 'fill' })
  .raw()
  .toBuffer();

describe('the model', { timeout: 60_000 }, () => {
  it('answers after a crash again, and tells whoever waited of it', async () => {
    const failed = segment(null as unknown as Buffer);
    const behind = segment(photo);
    await expect(failed).rejects.toThrow(TypeError);
    await expect(behind).rejects.toThrow(TypeError);
    expect(await segment(photo)).toHaveLength(MASK_SIZE ** 2);
  });

  it('keeps a process until it has answered, and no longer', async () => {
    const script = `
      import { readFileSync } from 'node:fs';
      import { cutOut } from './cut-out.ts';
      console.log((await cutOut(readFileSync('sample/coffee.jpg'))).subarray(1, 4).toString());
      process.on('exit', () => console.log(process.listenerCount('uncaughtException')));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script], {
      cwd: LOCAL,
    });
    expect(stdout).toBe('PNG\n0\n');
  });
});
