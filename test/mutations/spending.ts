import type { Mutation } from './mutation.ts';

/** Changes to what guards the bill, each of which a test notices. */
export const SPENDING: Mutation[] = [
  {
    what: 'The daily limit is passed by one',
    file: 'functions/spending/daily-limit.ts',
    find: 'OR submissions < :limit',
    replace: 'OR submissions <= :limit',
    test: 'test/functions/spending/daily-limit.test.ts',
  },
  {
    what: 'A count may be taken back twice',
    file: 'functions/spending/daily-limit.ts',
    find: 'new DynamoDBClient({ maxAttempts: 1 })',
    replace: 'new DynamoDBClient({})',
    test: 'test/functions/spending/daily-limit.test.ts',
  },
  {
    what: 'What is perhaps accepted gives its count back',
    file: 'functions/spending/guards.ts',
    find: "if (!isError(error, 'OutcomeUnknown')) await",
    replace: 'await',
    test: 'test/faults/daily-limit.test.ts',
  },
  {
    what: 'A refused submission keeps its count',
    file: 'functions/spending/guards.ts',
    find: '    if (day !== undefined) {',
    replace: '    if (false) {',
    test: 'test/faults/daily-limit.test.ts',
  },
  {
    what: 'What is received ten times during a pause stays as it is',
    file: 'functions/spending/hold-back.ts',
    find: 'const MAX_RECEIVES = 10;',
    replace: 'const MAX_RECEIVES = 100;',
    test: 'test/pause.test.ts',
  },
  {
    what: 'An acceptance does not end a pause',
    file: 'functions/spending/guards.ts',
    find: '    if (pause !== undefined) await this.#accepted(pause);',
    replace: '',
    test: 'test/pause.test.ts',
  },
  {
    what: 'Uploads start during a pause',
    file: 'functions/on-upload.ts',
    find: 'return pause === undefined ? startAll(event, context) : holdBack(event, pause);',
    replace: 'return startAll(event, context);',
    test: 'test/pause.test.ts',
  },
  {
    what: 'A pause of the day before goes on',
    file: 'functions/keep-pause.ts',
    find: '    if (!isOfAnotherDay(pause)) {',
    replace: '    if (true) {',
    test: 'test/simulation/pause.test.ts',
  },
  {
    what: 'A pause of which no failed execution is left goes on for ever',
    file: 'functions/keep-pause.ts',
    find: '    await pauses.lift(pause);\n    return true;\n  }\n  for',
    replace: '    return false;\n  }\n  for',
    test: 'test/pause.test.ts',
  },
  {
    what: 'After a pause, the event source mapping stays disabled',
    file: 'functions/keep-pause.ts',
    find: 'if (await isOver(pause)) await letUploadsThrough(lambda, mapping, true);',
    replace: 'if (await isOver(pause)) return;',
    test: 'test/pause.test.ts',
  },
  {
    what: 'Turning pauses off leaves uploads held back',
    file: 'infra/pipeline/intake.ts',
    find: 'enabled: pause === undefined ? true : undefined',
    replace: 'enabled: undefined',
    test: 'test/pause.test.ts',
  },
];
