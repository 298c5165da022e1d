import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redact, withoutQuery } from '../../../functions/runtime/redact.ts';

describe("somebody else's text", () => {
  it('is quoted as it is if there is nothing secret in it', () => {
    expect(redact("Model 'bria-rmbg-2-0-682' not found: 3 of 4 (75 %), see a/b.")).toBe(
      "Model 'bria-rmbg-2-0-682' not found: 3 of 4 (75 %), see a/b.",
    );
  });

  it.each([
    ['Could not fetch https://x.example/a?token=secret in time', 'Could not fetch [url] in time'],
    ['url="https://x.example/a?token=secret", code=7', 'url="[url]", code=7'],
    ['<a href=https://x.example/secret>here</a>', '<a href=[url]>here</a>'],
    ['HTTPS://X.EXAMPLE/?SECRET', '[url]'],
    ['two: http://a/secret and s3://b/secret', 'two: [url] and [url]'],
    ['image_https://x.example/secret 1https://x.example/secret', '[url] 1[url]'],
  ])('%j loses its URLs', (text, redacted) => {
    expect(redact(text).replace('image_[url]', '[url]')).toBe(redacted);
  });

  it.each([
    "Could not fetch https://x.example/it's.jpg?token=secret",
    'https%3A%2F%2Fx.example%2Fa%3FX-Amz-Signature%3Dsecret',
    '{"url":"https:\\/\\/x.example\\/a?X-Amz-Signature=secret"}',
    'x.example/a?X-Amz-Expires=5&X-Amz-Signature=secret&x-id=GetObject',
    'GET /a?x-amz-signature=secret',
    'X-Amz-Security-Token=secret',
  ])('%j keeps no secret', (text) => {
    expect(redact(text)).not.toContain('secret');
  });

  it('never has a presigned URL in it, whatever key it is for and however it is quoted', async () => {
    const s3 = new S3Client({
      region: 'eu-central-1',
      credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'x', sessionToken: 'SESSIONTOKEN' },
    });
    onTestFinished(() => s3.destroy());
    const quotes: ((url: string) => string)[] = [
      (url) => url,
      (url) => `'${url}'`,
      (url) => JSON.stringify({ image_url: url }),
      (url) => encodeURIComponent(url),
      (url) => url.replaceAll('/', '\\/'),
      (url) => url.replaceAll('&', '&amp;'),
      (url) => url.replace(/^https:\/\//, ''),
    ];
    const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(key, fc.constantFrom(...quotes), fc.string(), async (Key, quote, around) => {
        const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: 'uploads', Key }), { expiresIn: 60 });
        const signature = new URL(url).searchParams.get('X-Amz-Signature');
        const redacted = redact(`${around} ${quote(url)} ${around}`);
        expect(redacted).not.toContain(signature);
        expect(redacted).not.toContain('SESSIONTOKEN');
      }),
    );
  });

  it('has no control characters, so that it stays one line of a log', () => {
    expect(redact('one\r\ntwo\u0000three\u001b[31m')).toBe('one two three [31m');
  });

  it('is cut where it grows long', () => {
    expect(redact('x'.repeat(300))).toBe('x'.repeat(300));
    expect(redact('x'.repeat(301))).toBe(`${'x'.repeat(300)}…`);
  });

  it.each(['a.', 'https:', 'X-Amz-', '%3a', '/'])('of a quarter of a megabyte of %j is no work', (piece) => {
    expect(redact(piece.repeat(262_144 / piece.length)).length).toBeLessThanOrEqual(301);
  });
});

describe('a URL without what may be secret in it', () => {
  it('is its origin and path', () => {
    expect(withoutQuery('https://user:password@x.example:8443/a%20b?c=d#e')).toBe('https://x.example:8443/a%20b');
    expect(withoutQuery('http://x.example')).toBe('http://x.example/');
  });
});
