import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { describe, expect, it } from 'vitest';
import { chunksOf, fails, MB, PLAIN, startS3 } from './rig.ts';

describe('multipart uploads', () => {
  it('make one object with an ETag over the parts', async () => {
    const { client, s3 } = await startS3();
    const params = { Bucket: PLAIN, Key: 'big', Body: chunksOf(11 * MB) };
    const { ETag } = await new Upload({ client, params }).done();
    expect(ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    const chunks: Buffer[] = [];
    for await (const chunk of chunksOf(11 * MB)) chunks.push(chunk);
    expect(s3.get(PLAIN, 'big')?.body.equals(Buffer.concat(chunks))).toBe(true);
  });

  it('show nothing until completed, and nothing once aborted', async () => {
    const { client, s3, events } = await startS3();
    const object = { Bucket: PLAIN, Key: 'a' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
    const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: 'part' }));
    expect(s3.list(PLAIN)).toEqual([]);
    await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
    const parts = { MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } };
    await expect(
      client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, ...parts })),
    ).rejects.toMatchObject(fails(404, 'NoSuchUpload'));
    expect([s3.list(PLAIN), events]).toEqual([[], []]);
  });

  it('refuse wrong, unordered and too small parts', async () => {
    const { client } = await startS3();
    const object = { Bucket: PLAIN, Key: 'a' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
    const part = async (PartNumber: number) => {
      const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body: 'part' }));
      return { PartNumber, ETag };
    };
    const [one, two] = [await part(1), await part(2)];
    const complete = (Parts: object[]) =>
      client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }));
    await expect(complete([two, one])).rejects.toMatchObject(fails(400, 'InvalidPartOrder'));
    await expect(complete([one, { ...two, ETag: '"x"' }])).rejects.toMatchObject(fails(400, 'InvalidPart'));
    await expect(complete([one, two])).rejects.toMatchObject(fails(400, 'EntityTooSmall'));
    await complete([two]);
  });

  it('leave nothing when the source of a streamed upload breaks', async () => {
    const { client, s3, operations } = await startS3();
    async function* broken() {
      yield Buffer.alloc(6 * MB);
      throw new Error('the source broke');
    }
    const params = { Bucket: PLAIN, Key: 'a', Body: Readable.from(broken()) };
    await expect(new Upload({ client, params }).done()).rejects.toThrow('the source broke');
    expect(s3.list(PLAIN)).toEqual([]);
    expect(operations()).not.toContain('CompleteMultipartUpload');
  });
});
