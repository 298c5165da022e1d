import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Job, parseJob } from '../../functions/job.ts';
import { isOfNewerUpload, isOfRepeatedUpload, isResultOf, resultMetadata } from '../../functions/results/metadata.ts';
import { check } from './fuzzing.ts';

/** Whoever uploads chooses the metadata, and what a result says of its source decides what is written and paid. */

const source = { bucket: 'uploads', key: 'photos/cat.jpg', versionId: 'v2', etag: 'abc' };
const job: Job = {
  execution: 'cat',
  source,
  submission: 1,
  submissionId: 'cat#1',
  requestId: 'bria-1',
  submittedAt: '2026-01-01T00:00:10.000Z',
  uploadedAt: '2026-01-01T00:00:10.000Z',
  sourceSize: 123,
  status: 'COMPLETED',
  waitSeconds: 5,
};
/** Of another upload, made earlier. */
const other: Job = {
  ...job,
  source: { ...source, versionId: 'v1', etag: 'def' },
  uploadedAt: '2026-01-01T00:00:00.000Z',
};

/** Names that Cutout gives, in any letter case, with what a forger would have them say. */
const forged = fc
  .tuple(
    fc.constantFrom(
      ...['request-id', 'source-version-id', 'source-etag', 'source-uploaded-at', 'source-size', 'source-checksum'],
      ...['source-orientation', 'source-key-sha256', 'source-url-sha256'],
    ),
    fc.nat(),
    fc.constantFrom('abc', 'v2', 'def', 'v1', '123', '2999-01-01T00:00:00.000Z', '__proto__'),
  )
  .map(([name, letters, value]): [string, string] => [
    [...name].map((letter, index) => ((letters >> index) & 1 ? letter.toUpperCase() : letter)).join(''),
    value,
  ]);
const any = fc.tuple(
  fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', 'toString', 'a'.repeat(3000))),
  fc.string({ unit: 'binary' }),
);
const uploads = fc.array(fc.oneof({ weight: 2, arbitrary: forged }, any), { maxLength: 20 });

describe('the metadata of an upload', () => {
  it('set nothing that Cutout decides by, whatever they are, and are fit to be sent', () =>
    check(500, uploads, async (sourceMetadata) => {
      // As the states hand it on.
      const parsed = parseJob(JSON.parse(JSON.stringify({ ...other, sourceMetadata })));
      const metadata = resultMetadata(parsed);
      expect(metadata).toMatchObject(resultMetadata(other));
      const own = Object.keys(resultMetadata(other));
      const taken = Object.keys(metadata).filter((name) => !own.includes(name));
      expect(taken.filter((name) => /^(request-id|source-)/i.test(name))).toEqual([]);
      for (const [name, value] of Object.entries(metadata)) {
        expect(() => new Headers([[`x-amz-meta-${name}`, value]])).not.toThrow();
        expect(value).toMatch(/^[\x20-\x7e]*$/);
      }

      expect(isResultOf(source, { metadata })).toBe(false);
      expect(isOfNewerUpload(job, { metadata })).toBe(false);
      expect(isOfRepeatedUpload(job, { metadata })).toBe(false);
    }));
});
