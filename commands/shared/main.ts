import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { CONNECT_ATTEMPT_MS } from '../../functions/runtime/connecting.ts';
import { inWords } from './problems.ts';

/** Runs a command: a problem is said in words on standard error, with exit code 1, and without a stack. */
export async function main(run: () => Promise<void>): Promise<void> {
  // As for the functions, which get it by NODE_OPTIONS.
  setDefaultAutoSelectFamilyAttemptTimeout(CONNECT_ATTEMPT_MS);
  try {
    await run();
  } catch (error) {
    console.error(inWords(error));
    process.exitCode = 1;
  }
}
