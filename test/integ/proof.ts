import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inWords } from '../../commands/shared/problems.ts';
import type { Case, Outcome } from './case.ts';
import type { Denials } from './denials.ts';
import { AwsPlatform } from './platforms/aws.ts';
import type { Platform } from './platforms/platform.ts';
import { notTriedOf, type Report } from './report.ts';
import { runCases } from './run.ts';
import { Target } from './target/target.ts';

/** What the gateway accepts at first. */
const API_KEY = 'integ-api-key';

export interface ProofOptions {
  /** On the local services. */
  local: boolean;
  /** Leaves the stack. */
  keep: boolean;
  /** Destroys a stack that was left, and does nothing else. */
  destroy: boolean;
  cases: readonly Case[];
}

/** Deploys, runs the cases, looks for what was refused, and destroys: that whatever happens. */
export async function proof({ local, keep, destroy, cases }: ProofOptions): Promise<Report> {
  const started = new Date();
  const platform = await platformOf(local);
  const outcomes: Outcome[] = [];
  let seen: Denials = { denials: [], unseen: [] };
  const problems: string[] = [];
  const interruption = new AbortController();
  const restore = onInterrupt(() => {
    interruption.abort();
    if (platform instanceof AwsPlatform) platform.stop();
  });
  try {
    if (!destroy) {
      const sayIt = (outcome: Outcome) => {
        outcomes.push(outcome);
        console.log(inLine(outcome));
      };
      seen = await deployAndRun(platform, keep ? withoutLast(cases) : cases, sayIt, interruption.signal, started);
    }
  } catch (error) {
    problems.push(inWords(error));
    console.error(inWords(error));
  } finally {
    if (!keep || destroy) {
      console.log(`Destroying the stack on ${platform.name}.`);
      await platform.destroy().catch((error: unknown) => {
        problems.push(inWords(error));
        console.error(inWords(error));
      });
    }
    restore();
  }
  if (interruption.signal.aborted) problems.push('It was interrupted.');
  for (const { what, why } of platform.leftovers) console.log(`Left: ${what}: ${why}.`);
  if (keep && !local) console.log('The stack is left as it is. To destroy it: npm run integ -- --destroy');
  return {
    startedAt: started.toISOString(),
    seconds: (Date.now() - started.getTime()) / 1000,
    platform: platform.name,
    region: platform.region,
    version: JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).version,
    node: process.versions.node,
    problem: problems.length > 0 ? problems.join(' ') : undefined,
    outcomes,
    notTried: notTriedOf(cases, outcomes),
    ...seen,
    leftovers: [...platform.leftovers],
  };
}

async function deployAndRun(
  platform: Platform,
  cases: readonly Case[],
  onOutcome: (outcome: Outcome) => void,
  signal: AbortSignal,
  since: Date,
): Promise<Denials> {
  console.log(`Deploying the stack on ${platform.name}.`);
  await platform.deploy();
  const nothing: Denials = { denials: [], unseen: ['all of it: the run was interrupted'] };
  if (signal.aborted) return nothing;
  const target = await Target.of(platform);
  try {
    await target.gateway.setApiKeys(API_KEY);
    await target.setApiKey(API_KEY);
    await runCases(
      target,
      cases.filter(({ when }) => when !== 'last'),
      { onOutcome, signal },
    );
    // While there are logs to look at.
    const seen = signal.aborted ? nothing : await platform.denials(since);
    for (const { principal, action, where } of seen.denials)
      console.log(`Refused: ${action} to ${principal} (${where})`);
    await runCases(
      target,
      cases.filter(({ when }) => when === 'last'),
      { onOutcome, signal },
    );
    return seen;
  } finally {
    target.close();
  }
}

/** The local services are loaded only where they are wanted: they bring the CDK along. */
async function platformOf(local: boolean): Promise<Platform> {
  if (!local) return AwsPlatform.start();
  const { LocalPlatform } = await import('./platforms/local.ts');
  return new LocalPlatform();
}

/** Calls back at the first interruption; the second ends the process. @returns a function that ends this */
function onInterrupt(interrupt: () => void): () => void {
  let count = 0;
  const handler = () => {
    if (++count > 1) {
      console.error('\nGiven up. What is left is destroyed by: npm run integ -- --destroy');
      process.exit(130);
    }
    console.error('\nInterrupted: destroying the stack, which takes some minutes. Once more gives up.');
    interrupt();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const each of signals) process.on(each, handler);
  return () => {
    for (const each of signals) process.off(each, handler);
  };
}

function inLine({ name, outcome, seconds, note }: Outcome): string {
  const mark = { ran: '✓', failed: '✗', 'cannot run here': '–' }[outcome];
  const time = seconds === undefined ? '' : `${seconds.toFixed(1)} s`;
  const said = note === undefined ? '' : `: ${outcome === 'cannot run here' ? 'cannot run here ' : ''}${note}`;
  return `${mark} ${time.padStart(8)}  ${name}${said}`;
}

function withoutLast(cases: readonly Case[]): Case[] {
  return cases.filter(({ when }) => when !== 'last');
}
