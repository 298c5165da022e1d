import { expect } from 'vitest';
import type { ErrorName } from '../../functions/errors.ts';
import { messageOf } from '../executions.ts';
import { errorFile } from '../pipeline-rig.ts';
import type { Scene } from './scene.ts';

/** How an image ends: what the document says of it, and the check that it is so. */
export interface End {
  sees: string;
  paid: number;
  /** Uploads the image, unless the row did. */
  uploads: boolean;
  check: (scene: Scene) => void;
}

/** What else the row's own assertions prove, in the document's words. */
interface More {
  paid?: number;
  also?: string;
  /** What else stands in the results bucket, behind the source's key. */
  beside?: string[];
}

/** The cutout of the current version stands in the results bucket, whole, and nothing else does. */
export function cutout({ paid = 1, also, beside = [] }: More = {}): End {
  const check = (scene: Scene) => {
    const { key, execution } = scene;
    expect(execution, messageOf(scene.execution)).toMatchObject({ status: 'SUCCEEDED' });
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ status: 'DELIVERED', source: { key } });
    expect(scene.results).toEqual(['.png', ...beside]);
    for (const suffix of scene.results) scene.expectCutout(suffix);
  };
  return { sees: withMore('the cutout', also), paid, uploads: true, check };
}

interface Failing extends More {
  /** The execution's error, where it is not Cutout's own name. */
  as?: string;
  /** Whether the error file could be written. */
  file?: boolean;
}

/** The execution fails by this name, the error file says so in plain words, and there is no cutout. */
export function fails(error: ErrorName, { paid = 0, as = error, also, file = true, beside = [] }: Failing = {}): End {
  const check = ({ key, cloud, execution, results }: Scene) => {
    expect(execution.status).toBe(as === 'Aborted' ? 'ABORTED' : 'FAILED');
    if (as !== 'Aborted') expect(execution.error, messageOf(execution)).toBe(as);
    expect(results).toEqual([...(file ? ['.error.json'] : []), ...beside]);
    if (!file) return;
    expect(errorFile(cloud, key)).toMatchObject({ error, execution: execution.name, source: { key } });
    const { cause } = errorFile(cloud, key) ?? {};
    expect(cause).toMatch(/^\w.+\. \w.+\.$/);
    expect(cause, 'says nothing of the inside').not.toMatch(/arn:|x-amz|sha256|\bat .*:\d+:\d+|AccessDenied/i);
  };
  const shown = as === error || as === 'Aborted' ? `\`${error}\`` : `\`${as}\` in the execution, \`${error}\``;
  const files = file ? `${shown} in the error file` : `\`${as}\` in the execution, no error file`;
  return { sees: withMore(files, also), paid, uploads: true, check };
}

/** Something else, which the row itself asserts. */
export function sees(what: string, { paid = 0 }: { paid?: number } = {}): End {
  return { sees: what, paid, uploads: false, check: () => {} };
}

function withMore(what: string, also: string | undefined): string {
  return also === undefined ? what : `${what}; ${also}`;
}
