import type { Mutation } from './mutation.ts';

/** Changes to the local run, each of which a test notices. */
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
  {
    what: 'A local run takes a gateway that is not its own',
    file: 'local/options.ts',
    find: "if (name === 'gatewayUrl' || name === 'resultHosts') {",
    replace: 'if (false) {',
    test: 'test/local/options.test.ts',
  },
  {
    what: 'Cutouts of before are uploaded again',
    file: 'local/files.ts',
    find: ' && resolve(path) !== without',
    replace: '',
    test: 'test/local/files.test.ts',
  },
  {
    what: 'A failed attempt does not say how long the next one is away',
    file: 'local/printer.ts',
    find: 'attempt: `  tries again in ${time}`,',
    replace: "attempt: '  tries again',",
    test: 'test/local/printer.test.ts',
  },
  {
    what: 'The endpoint of all services does not answer for S3',
    file: 'local/aws-api.ts',
    find: 's3 && isForS3(request) ?',
    replace: 's3 && false ?',
    test: 'test/local/aws-api.test.ts',
  },
];
