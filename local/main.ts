import { SettingError } from '../infra/settings/readers.ts';
import { WrongArgument } from './options.ts';

/** Runs a command: what is wrong with its arguments is said in words, with exit code 1, and without a stack. */
export async function main(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!isWrongArgument(error)) throw error;
    console.error(`${error.message}\n--help says what can be given.`);
    // Servers may be up already, and nobody is going to close them.
    process.exit(1);
  }
}

function isWrongArgument(error: unknown): error is Error {
  if (error instanceof SettingError || error instanceof WrongArgument) return true;
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
