import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Spent } from './profile.ts';

/** Whose work a sample was. */
export const OWNERS = [
  "Cutout's functions",
  'AWS SDK and Powertools, in the functions',
  'Node, in the functions',
  'local services: Step Functions, S3, events, gateway',
  'Node, in the local services',
] as const;
export type Owner = (typeof OWNERS)[number];

/** Time at a place in the source. */
export interface Attributed {
  owner: Owner;
  place: string;
  ms: number;
}

const maps = new Map<string, SourceMap | undefined>();

/** Says whose work each sample was; bundles are looked through by their source maps. Same places are summed up. */
export function attribute(spent: Spent[]): Attributed[] {
  const places = new Map<string, Attributed>();
  for (const each of spent) {
    const { source, name } = original(each);
    const owner = ownerOf(each, source);
    const place = `${name || '(anonymous)'} ${short(source)}`;
    const known = places.get(`${owner} ${place}`);
    if (known) known.ms += each.ms;
    else places.set(`${owner} ${place}`, { owner, place, ms: each.ms });
  }
  return [...places.values()].sort((a, b) => b.ms - a.ms);
}

function ownerOf({ inWorker }: Spent, source: string): Owner {
  const isDependency = source.includes('node_modules/');
  if (inWorker) {
    if (isDependency) return 'AWS SDK and Powertools, in the functions';
    return /(^|\/)functions\/[^?]*\.ts/.test(source) ? "Cutout's functions" : 'Node, in the functions';
  }
  if (isDependency || /\.ts$/.test(source)) return 'local services: Step Functions, S3, events, gateway';
  return 'Node, in the local services';
}

/** Where a sample was in the source, if it was in a bundle. */
function original({ url, functionName, line, column }: Spent): { source: string; name: string } {
  const entry = mapOf(url)?.findEntry(line, column);
  if (entry === undefined || !('originalSource' in entry)) return { source: url, name: functionName };
  // The bundle's own names are minified.
  return { source: entry.originalSource, name: (entry as { name?: string }).name ?? functionName };
}

function mapOf(url: string): SourceMap | undefined {
  if (!url.startsWith('file:') || !url.endsWith('.mjs')) return undefined;
  const file = `${fileURLToPath(url)}.map`;
  if (!maps.has(file))
    maps.set(file, existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined);
  return maps.get(file);
}

/** A source's path from the package or the folder that it belongs to. */
function short(source: string): string {
  return source.replace(/^.*node_modules\//, '').replace(/^(file:\/\/|\.\.\/).*?\/((functions|local|bench)\/)/, '$2');
}
