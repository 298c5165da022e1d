import type { Case } from '../case.ts';
import { BACKFILL } from './backfill.ts';
import { CALLERS } from './callers.ts';
import { CHANGES } from './changes.ts';
import { COMMANDS } from './commands.ts';
import { DEAD_LETTERS } from './dead-letters.ts';
import { DESTROYED } from './destroyed.ts';
import { ENCRYPTION } from './encryption.ts';
import { EXISTING } from './existing.ts';
import { FAILURES } from './failures.ts';
import { GATEWAY } from './gateway.ts';
import { GUARDS } from './guards.ts';
import { METRICS } from './metrics.ts';
import { RESULTS } from './results.ts';
import { UPLOADS } from './uploads.ts';
import { WEBHOOK } from './webhook.ts';

/** All cases: one table for AWS, any AWS-compatible endpoint, and the local services. */
export const CASES: readonly Case[] = [
  ...BACKFILL,
  ...UPLOADS,
  ...GATEWAY,
  ...RESULTS,
  ...EXISTING,
  ...ENCRYPTION,
  ...WEBHOOK,
  ...CALLERS,
  ...FAILURES,
  ...COMMANDS,
  ...DEAD_LETTERS,
  ...GUARDS,
  ...METRICS,
  ...CHANGES,
  ...DESTROYED,
];
