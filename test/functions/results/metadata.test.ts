import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../functions/job.ts';
import {
  isOfNewerUpload,
  isOfRepeatedUpload,
  isResultOf,
  metadataLeftOut,
  resultMetadata,
} from '../../../functions/results/metadata.ts';
import { PNG } from '../../pictures.ts';
import { PLAIN, startS3 } from '../s3.ts';
import { CAT_JOB, SOURCE as source } from './cat-job.ts';

const job: Job = { ...CAT_JOB, sourceSize: 123, sourceChecksum: 'crc64nvme:AAAAAAAAAAA=' };

describe('the metadata of a result', () => {
  it('says where it came from, and comes through S3 as it is', async () => {
    const { client } = await startS3();
    const metadata = resultMetadata(job);
    await client.send(new PutObjectCommand({ Bucket: PLAIN, Key: 'cat.jpg.png', Body: PNG, Metadata: metadata }));

    const head = await client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: 'cat.jpg.png' }));
    expect(head.Metadata).toEqual({
      'request-id': 'id-1',
      'source-version-id': 'v1',
      'source-etag': 'abc',
      'source-size': '123',
      'source-checksum': 'crc64nvme:AAAAAAAAAAA=',
      'source-key-sha256': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('has the upload’s own beside Cutout’s, and says how the source is to be turned', () => {
    const sourceMetadata: [string, string][] = [
      ['sku', 'A1'],
      ['source-orientation', '1'],
    ];
    const metadata = resultMetadata({ ...job, sourceMetadata, sourceOrientation: 6 });
    expect(metadata).toEqual({ ...resultMetadata(job), sku: 'A1', 'source-orientation': '6' });
  });

  it('lets no upload set what decisions rest on, in any letter case, whether it is known of this source or not', () => {
    const forged = [
      ...['request-id', 'source-version-id', 'source-etag', 'source-uploaded-at', 'source-size', 'source-checksum'],
      ...['source-key-sha256', 'source-url-sha256', 'source-orientation'],
    ];
    const names = forged.flatMap((name) => [name, name.toUpperCase(), name.replace(/\b./g, (c) => c.toUpperCase())]);
    const sourceMetadata = names.map((name): [string, string] => [name, 'forged']);
    const little = { ...job, source: { bucket: 'uploads', key: 'cat.jpg' }, sourceSize: undefined, requestId: null };
    const ofUrl = { ...job, source: { imageUrl: 'https://example.com/cat.jpg' } };
    for (const each of [job, little, ofUrl]) {
      expect(resultMetadata({ ...each, sourceMetadata })).toEqual(resultMetadata(each));
      expect(metadataLeftOut({ ...each, sourceMetadata })).toEqual([]);
    }
  });

  it('leaves the upload’s last names out where S3 has no room, and tells which', () => {
    const sourceMetadata: [string, string][] = [
      ['b', 'x'.repeat(1900)],
      ['a', 'small'],
    ];
    expect(resultMetadata({ ...job, sourceMetadata })).toEqual({ ...resultMetadata(job), a: 'small' });
    expect(metadataLeftOut({ ...job, sourceMetadata })).toEqual(['b']);
  });

  it('is ASCII and short for the longest key there is', () => {
    const metadata = resultMetadata({
      ...job,
      source: { ...source, key: '猫'.repeat(341) },
      uploadedAt: '2026-03-31T10:00:00.000Z',
      sourceOrientation: 8,
    });
    expect(JSON.stringify(metadata)).toMatch(/^[\x20-\x7e]{1,1000}$/);
  });

  it('has of an image URL a hash, the same whatever its query', () => {
    const at = (imageUrl: string) => resultMetadata({ ...job, source: { imageUrl } });
    expect(at('https://example.com/cat.jpg?token=secret')).toEqual(at('https://example.com/cat.jpg?token=other'));
    expect(at('https://example.com/cat.jpg')).not.toEqual(at('https://example.com/dog.jpg'));
    expect(JSON.stringify(at('https://example.com/cat.jpg?token=secret'))).not.toContain('example');
  });
});

describe('a result', () => {
  const result = { metadata: resultMetadata(job) };
  const bytes = { ...source, size: job.sourceSize, checksum: job.sourceChecksum };

  it('is of a source whose size and checksum agree, whatever its version and its ETag', () => {
    expect(isResultOf({ ...bytes, versionId: 'v2', etag: 'other' }, result)).toBe(true);
    expect(isResultOf({ ...bytes, size: 124, etag: 'other' }, result)).toBe(false);
    expect(isResultOf({ ...bytes, checksum: 'crc64nvme:BBBBBBBBBBB=', etag: 'other' }, result)).toBe(false);
    expect(isResultOf({ ...bytes, checksum: undefined, etag: 'other' }, result)).toBe(false);
  });

  it('is of a source whose ETag agrees, whatever its version', () => {
    expect(isResultOf(source, result)).toBe(true);
    expect(isResultOf({ ...source, versionId: 'v2' }, result)).toBe(true);
    expect(isResultOf({ ...source, etag: 'other' }, result)).toBe(false);
  });

  it('is of the version that it was made from, where nothing else is known', () => {
    expect(isResultOf({ ...source, etag: undefined }, result)).toBe(true);
    expect(isResultOf({ ...source, etag: undefined, versionId: 'v2' }, result)).toBe(false);
  });

  it('is not of another key, nor is that of an image URL', () => {
    expect(isResultOf({ ...bytes, key: 'photos/other.jpg' }, result)).toBe(false);
    const ofUrl = { metadata: resultMetadata({ ...job, source: { imageUrl: 'https://example.com/cat.jpg' } }) };
    expect(isResultOf({ bucket: 'uploads', key: source.key }, ofUrl)).toBe(false);
  });
});

describe('a result of another upload of the same key', () => {
  const other = (uploadedAt: string) => ({
    metadata: resultMetadata({ ...job, source: { ...source, etag: 'other' }, sourceChecksum: 'other', uploadedAt }),
  });

  it('is of a newer one also where both came within the same second: S3 tells no more', () => {
    const own = { ...job, uploadedAt: '2026-01-01T00:00:10.000Z' };
    expect(isOfNewerUpload(own, other('2026-01-01T00:00:11.000Z'))).toBe(true);
    expect(isOfNewerUpload(own, other('2026-01-01T00:00:10.000Z'))).toBe(true);
    expect(isOfNewerUpload(own, other('2026-01-01T00:00:09.000Z'))).toBe(false);
  });

  it('of the same bytes is of a repeated upload only where that came later', () => {
    const own = { ...job, uploadedAt: '2026-01-01T00:00:10.000Z' };
    const again = (uploadedAt: string) => ({ metadata: resultMetadata({ ...job, uploadedAt }) });
    expect(isOfRepeatedUpload(own, again('2026-01-01T00:00:11.000Z'))).toBe(true);
    expect(isOfRepeatedUpload(own, again('2026-01-01T00:00:10.000Z'))).toBe(false);
    expect(isOfRepeatedUpload(own, other('2026-01-01T00:00:11.000Z'))).toBe(false);
    expect(isOfNewerUpload(own, again('2026-01-01T00:00:11.000Z'))).toBe(false);
  });
});
