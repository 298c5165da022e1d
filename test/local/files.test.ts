import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesByKey } from '../../local/files.ts';
import { picture } from '../pictures.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutout-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function write(...names: string[]): Promise<void> {
  const image = await picture(1);
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), /no picture/.test(name) ? 'no picture' : image);
  }
}

const keysOf = async (...paths: string[]) => [
  ...(await filesByKey(
    paths.map((path) => join(folder, path)),
    join(folder, 'out'),
  )),
];

describe('files to upload', () => {
  it('are the images of a folder and of those below it, by their bytes, under their path in it', async () => {
    await write('b.jpg', 'a', 'deep/er/ü.webp', 'no picture.jpg');
    expect(await keysOf('.')).toEqual([
      ['a', join(folder, 'a')],
      ['b.jpg', join(folder, 'b.jpg')],
      ['deep/er/ü.webp', join(folder, 'deep/er/ü.webp')],
    ]);
  });

  it('are neither hidden, nor of packages, nor results of before; and no link leads round in circles', async () => {
    await write('a.png', '.b.png', '.git/c.png', 'node_modules/d/e.png', 'out/a.png.png');
    symlinkSync('..', join(folder, 'node_modules/../loop'));
    symlinkSync('a.png', join(folder, 'linked.png'));
    symlinkSync('nowhere', join(folder, 'dead.png'));
    expect((await keysOf('.')).map(([key]) => key)).toEqual(['a.png', 'linked.png']);
  });

  it('may be no images if they are named themselves: the pipeline says what is wrong', async () => {
    await write('no picture.jpg');
    expect(await keysOf('no picture.jpg')).toEqual([['no picture.jpg', join(folder, 'no picture.jpg')]]);
  });

  it('of the same name get keys of their own', async () => {
    await write('one/cat.png', 'two/cat.png', 'three/cat.png');
    expect((await keysOf('one', 'two/cat.png', 'three')).map(([key]) => key)).toEqual([
      'cat.png',
      '2/cat.png',
      '3/cat.png',
    ]);
  });

  it('are missed where a path leads nowhere, or to no image', async () => {
    await write('empty/no picture');
    await expect(keysOf('nowhere')).rejects.toThrow(/There is no file .*nowhere\./);
    await expect(keysOf('empty')).rejects.toThrow(/There is no image in the folder .*empty\./);
  });
});
