import { ERROR_NAMES, type ErrorName, errorsWhere, rowOf } from '../functions/errors.ts';

const PAYS = { yes: 'yes', no: 'no', 'in Submit': 'if it failed in `Submit`' };

const example = {
  error: 'InsufficientBalance',
  cause:
    'The gateway answered 402 (Insufficient Balance: Your wallet does not have enough balance.). ' +
    rowOf('InsufficientBalance').remedy,
  requestId: null,
  source: { bucket: 'my-uploads', key: 'photos/cat.jpg', versionId: '3HL4kqtJlcpXroDTDmJ', etag: '9b2cf535f27731c9' },
  execution: 'photos-cat-jpg-5d41402abc4b2a76b9719d911017c592',
  time: '2026-11-24T09:30:12.345Z',
};

function listed(names: ErrorName[]): string {
  return new Intl.ListFormat('en').format(names.map((name) => `\`${name}\``));
}

/** The page on errors, made from the one table of them. */
export function errorsPage(): string {
  const rows = ERROR_NAMES.map((name) => {
    const { means, remedy, retried, redriveHelps, redrivePays } = rowOf(name);
    const redrive = redriveHelps ? `helps; paid: ${PAYS[redrivePays]}` : 'does not help';
    return `| \`${name}\` | ${means} | ${remedy.replaceAll('|', '\\|')} | ${retried} | ${redrive} |`;
  });
  return `# Errors

A failed execution's error is one of these names, and so is \`error\` in \`<key>.error.json\`. *Retried* is what the state machine does by
itself before it fails. *Redrive* says whether redriving the failed execution can succeed, and whether that submits the image, which is
paid. A backfill does not submit what a redrive does not help, unless it is told to (\`retryFailed\`).

| Error | Means | What to do | Retried | Redrive |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

Some are reasons of the account, and not of the image. ${listed(errorsWhere(({ pauses }) => pauses === 'until one is accepted'))} [hold uploads
back](operate.md#when-the-gateway-refuses-for-a-reason-of-the-account) until a submission is accepted, ${listed(errorsWhere(({ pauses }) => pauses === 'until 00:00 UTC'))} until 00:00 UTC.

Two things happen before an error shows: after a 401 the API key is read afresh and the request sent once more; and while the gateway
answers ERROR, which it does not charge, an image is submitted up to three times.

A function that crashes shows in the execution as AWS names it (\`Lambda.Unknown\`, \`Sandbox.Timedout\`, \`Runtime.…\`); in the error file
as \`InternalError\`.

## Errors of a backfill

| Error | Means | What to do |
| --- | --- | --- |
| \`InvalidInput\` | its input is wrong, another backfill runs, or uploads wait that it could pay for twice; the message says which | Do what the message says. |
| \`TooManyFailures\` | more images failed than \`toleratedFailurePercentage\` allows; its report counts them by error | See the error files, then start it again. |
| \`MapRunFailed\` | Step Functions could not list the uploads, or read or write the backfill's own files; the cause names AWS's error | Images that were started go on. Once the reason is gone, start it again: it submits none twice. |

## The error file

\`<key>.error.json\` lies where the result would, less the extension: for \`photos/cat.jpg\` it is \`photos/cat.jpg.error.json\`. It goes away
when a later execution of the same object delivers.

\`\`\`json
${JSON.stringify(example, null, 2)}
\`\`\`

| Field | Holds |
| --- | --- |
| \`error\` | a name of the table above |
| \`cause\` | what happened, then what to do, in words for people |
| \`requestId\` | the gateway's id of the request; \`null\` if nothing was submitted, as far as is known |
| \`source\` | the object, with the version that was processed; or \`{"imageUrl"}\` without its query |
| \`execution\` | the name of the failed execution |
| \`time\` | when it ended, ISO 8601 |

None of it holds an API key, a presigned URL or the query of an image URL.

This page is made from \`functions/errors.ts\` by \`npm run docs\`.
`;
}
