import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { vi } from 'vitest';
import { createApp } from '../../infra/app.ts';
import { VARIANTS, type Variant } from './variants.ts';

/** Calls `work` with an empty folder for a cloud assembly, and removes it afterwards. */
export function withOutdir<T>(work: (outdir: string) => T): T {
  const outdir = mkdtempSync(join(tmpdir(), 'cutout-'));
  try {
    return work(outdir);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** A cloud assembly, and how it came about. */
interface Synthesis {
  app: App;
  outdir: string;
  /** What synth threw, if anything. */
  thrown: unknown;
  /** How often anything was printed. */
  printed: number;
}

/** Synthesizes the app, with `change` made to it before, and looks at what came of it, though it may have been refused. */
export function trySynth<T>(
  context: Record<string, unknown>,
  change: ((stack: Stack) => void) | undefined,
  look: (synthesis: Synthesis) => T,
): T {
  // Where the CDK prints what was found.
  const print = vi.spyOn(console, 'error').mockImplementation(() => {});
  return withOutdir((outdir) => {
    const app = createApp({ context, outdir });
    change?.(app.node.findChild('Cutout') as Stack);
    let thrown: unknown;
    try {
      app.synth();
    } catch (error) {
      thrown = error;
    }
    const printed = print.mock.calls.length;
    print.mockRestore();
    return look({ app, outdir, thrown, printed });
  });
}

const templates = new Map<Variant, Template>();

/** The template of a variant, synthesized when it is first asked for. */
export function templateOf(variant: Variant): Template {
  const template =
    templates.get(variant) ??
    withOutdir((outdir) => {
      const assembly = createApp({ context: VARIANTS[variant], outdir }).synth();
      return Template.fromJSON(assembly.getStackByName('Cutout').template);
    });
  templates.set(variant, template);
  return template;
}
