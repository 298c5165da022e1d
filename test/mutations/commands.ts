import type { Mutation } from './mutation.ts';

/** Changes to the commands, each of which a test notices. */
export const COMMANDS: Mutation[] = [
  {
    what: 'A record holds what the gateway repeats of the API key',
    file: 'commands/shared/recorder.ts',
    find: "rest.replaceAll(secret, '[redacted]'), text)",
    replace: 'rest, text)',
    test: 'test/commands/shared/recorder.test.ts',
  },
  {
    what: 'A record holds cookies, and the header with the API key',
    file: 'commands/shared/recorder.ts',
    find: "SECRET_HEADER.test(name) ? '[redacted]' : String(value)",
    replace: 'String(value)',
    test: 'test/commands/shared/recorder.test.ts',
  },
  {
    what: 'A record holds the signature of a result',
    file: 'commands/shared/recorder.ts',
    find: "plain.replace(SECRET_PARAMETER, '$1[redacted]')",
    replace: 'plain',
    test: 'test/commands/shared/recorder.test.ts',
  },
  {
    what: 'An answer that cannot be recorded is lost, though it is paid for',
    file: 'commands/shared/recorder.ts',
    find: 'console.error(`! An answer could not be recorded: ${reasonOf(error)}`);',
    replace: 'throw error;',
    test: 'test/commands/shared/recorder.test.ts',
  },
  {
    what: 'The command that goes on forgets where the cutout was to be saved',
    file: 'commands/remove-background.ts',
    find: "['out', values.out],",
    replace: '',
    test: 'test/commands/remove-background.test.ts',
  },
];
