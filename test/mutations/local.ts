import type { Mutation } from './mutation.ts';

/** Changes to the local run's page, each of which a test notices. */
export const LOCAL: Mutation[] = [
  {
    what: 'The page answers under any name',
    file: 'local/page/server.ts',
    find: 'if (!own.includes(host))',
    replace: 'if (host === "nowhere")',
    test: 'test/local/page/server.test.ts',
  },
  {
    what: 'The page takes orders from other websites',
    file: 'local/page/server.ts',
    find: "if (method !== 'GET' && method !== 'HEAD' && !isOwn)",
    replace: "if (method === 'TRACE' && !isOwn)",
    test: 'test/local/page/server.test.ts',
  },
  {
    what: 'A job that ended in ERROR counts as paid on the page',
    file: 'local/page/ledger.ts',
    find: "!['REFUSED', 'ERROR'].includes(",
    replace: "!['REFUSED'].includes(",
    test: 'test/local/page/bad-days.test.ts',
  },
  {
    what: 'An empty wallet stays empty whatever day is chosen for a redrive',
    file: 'local/page/bad-days.ts',
    find: '`${execution.arn} ${execution.redriveCount}`',
    replace: 'execution.arn',
    test: 'test/local/page/bad-days.test.ts',
  },
];
