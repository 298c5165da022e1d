import { inWords } from './problems.ts';

/** Runs a command: a problem is said in words on standard error, with exit code 1, and without a stack. */
export async function main(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    console.error(inWords(error));
    process.exitCode = 1;
  }
}
