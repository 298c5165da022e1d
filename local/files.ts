import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { imageType, SNIFF_BYTES } from '../functions/images/type.ts';
import { WrongArgument } from './options.ts';

/** Folders in which nobody keeps pictures. */
const LEFT_OUT = ['node_modules'];

/**
 * The files that are meant by paths, by the key that each is uploaded under: of a file its name; of a folder all images in
 * it and in those below it, told by their first bytes, under their path in it.
 *
 * @param without A folder that is left out, as it is where results go.
 * @throws WrongArgument if a path leads nowhere, or to no image
 */
export async function filesByKey(paths: string[], without: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const path of paths) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) throw new WrongArgument(`There is no file ${path}.`);
    const found = stats.isDirectory() ? await imagesIn(path, resolve(without)) : [path];
    if (found.length === 0) throw new WrongArgument(`There is no image in the folder ${path}.`);
    for (const file of found) {
      const key = stats.isDirectory() ? relative(path, file).split(sep).join('/') : basename(file);
      files.set(unused(key, files), file);
    }
  }
  return files;
}

async function imagesIn(folder: string, without: string): Promise<string[]> {
  const images: string[] = [];
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name } of entries.filter((each) => !each.name.startsWith('.') && !LEFT_OUT.includes(each.name))) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    // A link to a folder may lead back to this one.
    const isLink = entries.some((each) => each.name === name && each.isSymbolicLink());
    if (stats?.isDirectory() && !isLink && resolve(path) !== without) images.push(...(await imagesIn(path, without)));
    if (stats?.isFile() && (await imageType(firstBytesOf(path)))) images.push(path);
  }
  return images;
}

function firstBytesOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(SNIFF_BYTES);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/** The key, behind a number if it is taken. */
function unused(key: string, files: ReadonlyMap<string, string>): string {
  let free = key;
  for (let number = 2; files.has(free); number++) free = `${number}/${key}`;
  return free;
}
