import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { saidOfRefusal } from '../../../functions/images/refusal.ts';
import { lookAt } from '../../../functions/images/source.ts';
import { LocalS3 } from '../../../local/s3.ts';

const URL = 'https://photos.s3.amazonaws.com/cat.jpg?X-Amz-Signature=0123456789abcdef&token=s3cr3t-token&n=1';

function answer(error: string): Buffer {
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<Error>${error}<Resource>/cat.jpg</Resource></Error>`);
}

describe('what S3 says of a refusal', () => {
  it('is quoted: code and message', () => {
    const expired = answer('<Code>AccessDenied</Code><Message>Request has expired</Message>');
    expect(saidOfRefusal(expired, URL)).toBe(' AccessDenied: Request has expired');
  });

  it('may be a code alone', () => {
    expect(saidOfRefusal(answer('<Code>AccessDenied</Code>'), URL)).toBe(' AccessDenied');
  });

  it('holds no URL, and nothing of the query of the one that was asked for', () => {
    const echo = answer(`<Code>Odd</Code><Message>No: ${URL} nor s3cr3t-token, 1</Message>`);
    expect(saidOfRefusal(echo, URL)).toBe(' Odd: No: [url] nor [redacted], 1');
  });

  it('is nothing where another server answers', () => {
    expect(saidOfRefusal(Buffer.from('<title>Forbidden</title><Code>1</Code>'), URL)).toBe('');
    expect(saidOfRefusal(new Uint8Array(), URL)).toBe('');
  });
});

describe('a URL of Signature Version 2', () => {
  it('is refused with what to do, where S3 knows version 4 only', async () => {
    const s3 = await LocalS3.start({ buckets: { photos: { versioned: false } }, credentials: {} });
    onTestFinished(() => s3.close());
    const imageUrl = `${s3.url}/photos/cat.jpg?AWSAccessKeyId=local&Signature=c2lnbmF0dXJl&Expires=4000000000`;
    const looked = lookAt(new S3Client({ region: 'us-east-1' }), { imageUrl }, s3.url);
    await expect(looked).rejects.toMatchObject({
      name: 'ImageRefused',
      message: expect.stringMatching(/refused \(400 InvalidRequest: .*set default\.s3\.signature_version s3v4/),
    });
  });
});
