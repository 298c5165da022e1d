import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CloudOptions, LocalCloud } from '../../local/cloud.ts';
import { picture } from '../pictures.ts';
import { startCloud } from '../pipeline-rig.ts';
import type { End } from './ends.ts';
import { type Row, record } from './matrix.ts';
import { Scene } from './scene.ts';

/** Declares a row of the matrix: what goes wrong, how the image ends, and what makes it go wrong. */
export type Fault = (fault: string, end: End, act: (scene: Scene) => unknown, where?: string) => void;

/**
 * Rows of the matrix whose faults are injected at one place. Each is a test on the real bundles and the real state
 * machine; the clouds that they run on are shared by the rows of a file.
 */
export function area(title: string, where: string, define: (fault: Fault) => void, options: CloudOptions = {}): void {
  const rows: { row: Row; end: End; act: (scene: Scene) => unknown }[] = [];
  define((fault, end, act, place = where) => {
    rows.push({ row: { area: title, fault, where: place, sees: end.sees, paid: end.paid }, end, act });
  });
  if (record(rows.map(({ row }) => row))) return;

  // Of the file: its other areas may run on the same clouds.
  afterAll(closeClouds);
  describe(title, () => {
    let cloud: LocalCloud;
    let scene: Scene | undefined;
    beforeAll(async () => {
      cloud = await cloudWith(options);
    });
    afterEach(() => scene?.end());
    for (const { row, end, act } of rows) {
      it(`${row.fault}: ${row.sees} (paid submissions: ${row.paid})`, async () => {
        const body = await picture(number % 256);
        scene = new Scene(cloud, `${++number}/cat.png`, body);
        await act(scene);
        if (end.uploads && !scene.hasBegun) await scene.upload();
        await scene.settled();
        scene.checkThatItHappened();
        end.check(scene);
        expect(scene.paid, 'paid submissions').toBe(row.paid);
      });
    }
  });
}

let number = 0;
const clouds = new Map<string, Promise<LocalCloud>>();

async function closeClouds(): Promise<void> {
  const open = [...clouds.values()];
  clouds.clear();
  for (const cloud of open) await (await cloud).close();
}

/** The gateway gives every picture back as it is: so a result shows whose it is, and that it is whole. */
function cloudWith(options: CloudOptions): Promise<LocalCloud> {
  const id = JSON.stringify(options);
  const existing = clouds.get(id);
  if (existing) return existing;
  const gateway = { durationMs: 5, cutOut: async (image: Buffer) => image };
  const made = startCloud({ waitMs: 5, retryMs: 2, visibilityMs: 5, gateway, ...options });
  clouds.set(id, made);
  return made;
}
