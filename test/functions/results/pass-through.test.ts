import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_METADATA_BYTES, passOn } from '../../../functions/results/pass-through.ts';
import { PNG } from '../../pictures.ts';
import { PLAIN, startS3 } from '../s3.ts';

const OWN = { 'request-id': 'bria-1', 'source-etag': 'abc', 'source-version-id': undefined };
/** So many bytes, as this module counts them: with `x-amz-meta-`. */
const bytesOf = (metadata: Record<string, string>) =>
  Object.entries(metadata).reduce((sum, entry) => sum + Buffer.byteLength(`x-amz-meta-${entry.join('')}`), 0);
const OWN_BYTES = bytesOf({ 'request-id': 'bria-1', 'source-etag': 'abc' });

describe('the metadata of an upload', () => {
  it('are passed on as they are', () => {
    const upload: [string, string][] = [
      ['sku', 'A 1,  "b"'],
      ['constructor', 'x'],
      ['title', '=?UTF-8?B?54yr?='],
      ['empty', ''],
    ];
    const { metadata, leftOut } = passOn(OWN, upload);
    expect(metadata).toEqual({ 'request-id': 'bria-1', 'source-etag': 'abc', ...Object.fromEntries(upload) });
    expect(leftOut).toEqual([]);
  });

  it.each(['request-id', 'REQUEST-ID', 'Source-Etag', 'source-version-id', 'SOURCE-version-ID'])(
    'cannot set %s, which is Cutout’s own, also where Cutout does not',
    (name) => {
      const { metadata, leftOut } = passOn(OWN, [[name, 'forged']]);
      expect(metadata).toEqual({ 'request-id': 'bria-1', 'source-etag': 'abc' });
      expect(leftOut).toEqual([]);
    },
  );

  it('fill up what S3 has room for, to the byte', () => {
    const room = MAX_METADATA_BYTES - OWN_BYTES - 'x-amz-meta-a'.length;
    expect(passOn(OWN, [['a', 'x'.repeat(room)]]).leftOut).toEqual([]);
    expect(passOn(OWN, [['a', 'x'.repeat(room + 1)]]).leftOut).toEqual(['a']);
  });

  it('are left out from the first name, in alphabetical order, for which there is no room', () => {
    const upload: [string, string][] = [
      ['d', 'small'],
      ['B', 'x'.repeat(900)],
      ['a', 'small'],
      ['c', 'x'.repeat(1500)],
    ];
    const { metadata, leftOut } = passOn(OWN, upload);
    expect(Object.keys(metadata)).toEqual(['request-id', 'source-etag', 'a', 'b']);
    expect(leftOut).toEqual(['c', 'd']);
  });

  it('are left out, and take no room, if HTTP could not carry them', () => {
    const upload: [string, string][] = [
      ['a', 'line\nbreak'],
      ['b', 'caf\u00e9'],
      ['c d', 'x'],
      ['', 'x'],
      ['e', 'x'],
    ];
    const { metadata, leftOut } = passOn({}, upload);
    expect(metadata).toEqual({ e: 'x' });
    expect(leftOut.sort()).toEqual(['', 'a', 'b', 'c d']);
  });

  it('never exceed S3’s limit, lose nothing silently, and come through S3, whatever they are', async () => {
    const { client } = await startS3();
    const name = fc.oneof(
      fc.stringMatching(/^[a-zA-Z0-9_-]{1,30}$/),
      fc.constantFrom('REQUEST-ID', 'source-etag', 'Source-Version-Id', 'constructor', 'toString'),
      fc.string({ unit: 'binary', maxLength: 12 }),
    );
    const value = fc.oneof(
      fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/),
      fc.nat({ max: 2500 }).map((length) => 'x'.repeat(length)),
      fc.string({ unit: 'binary', maxLength: 30 }),
    );
    const uploads = fc.uniqueArray(fc.tuple(name, value), {
      maxLength: 12,
      selector: ([each]) => each.toLowerCase(),
    });
    let cut = 0;
    await fc.assert(
      fc.asyncProperty(uploads, async (upload) => {
        const { metadata, leftOut } = passOn(OWN, upload);
        expect(bytesOf(metadata)).toBeLessThanOrEqual(MAX_METADATA_BYTES);
        expect(metadata).toMatchObject({ 'request-id': 'bria-1', 'source-etag': 'abc' });
        expect(Object.keys(metadata)).not.toContain('source-version-id');
        const names = upload.map(([each]) => each.toLowerCase()).filter((each) => !Object.hasOwn(OWN, each));
        const passed = Object.keys(metadata).filter((each) => !Object.hasOwn(OWN, each));
        expect([...passed, ...leftOut].sort()).toEqual(names.sort());
        if (passed.length > 0 && leftOut.length > 0) cut++;

        await client.send(new PutObjectCommand({ Bucket: PLAIN, Key: 'a.png', Body: PNG, Metadata: metadata }));
        const stored = await client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: 'a.png' }));
        expect(stored.Metadata).toEqual(metadata);
      }),
      { numRuns: 60 },
    );
    expect(cut, 'uploads of which a part was passed on').toBeGreaterThan(3);
  });
});
