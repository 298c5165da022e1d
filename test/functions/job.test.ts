import { describe, expect, it } from 'vitest';
import { isError } from '../../functions/errors.ts';
import { isJobOf, type Job, parseExecutionInput, parseJob, publicSource } from '../../functions/job.ts';

/** What is said of an input that is refused. */
function refusalOf(parse: (value: unknown) => unknown, value: unknown): string {
  try {
    parse(value);
  } catch (error) {
    if (isError(error, 'InvalidInput')) return error.message;
    throw error;
  }
  throw new Error('It was not refused');
}

const object = { bucket: 'uploads', key: 'photos/cat.jpg' };
const url = { imageUrl: 'https://example.com/cat.jpg?token=secret', resultKey: 'cat.jpg' };

describe('an execution input', () => {
  it.each([
    object,
    { ...object, versionId: 'v1' },
    { ...object, versionId: 'null', etag: 'abc' },
    { bucket: 'uploads', key: '猫 & co.jpg' },
    { bucket: 'uploads', key: 'k'.repeat(1024) },
    url,
  ])('is accepted as %j', (input) => {
    expect(parseExecutionInput(input)).toEqual(input);
  });

  it.each([object, url])('is accepted when another state machine starts the execution of %j', (input) => {
    const started = { ...input, AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: 'arn:aws:states:::execution:other:1' };
    expect(parseExecutionInput(started)).toMatchObject(input);
  });

  it.each([
    ['https://example.com/cat.jpg\n', 'https://example.com/cat.jpg'],
    ['  https://example.com/my cat.jpg ', 'https://example.com/my%20cat.jpg'],
    ['https:\\\\example.com\\cat.jpg', 'https://example.com/cat.jpg'],
    ['HTTPS://EXAMPLE.com:443/a/../cat.jpg', 'https://example.com/cat.jpg'],
    ['https://example.com/ca\tt.jpg', 'https://example.com/cat.jpg'],
    ['https://münchen.example/cat.jpg#top', 'https://xn--mnchen-3ya.example/cat.jpg'],
    ['https://[::1]:8443/cat.jpg', 'https://[::1]:8443/cat.jpg'],
    ['https://example.com/a%20b.jpg?X-Amz-Signature=a%2Bb', 'https://example.com/a%20b.jpg?X-Amz-Signature=a%2Bb'],
  ])('has %j looked at and submitted as the one URL %s', (imageUrl, href) => {
    expect(parseExecutionInput({ ...url, imageUrl })).toEqual({ ...url, imageUrl: href });
  });

  it('may have its ETag in quotes, as S3 answers it, or without, as its events have it', () => {
    expect(parseExecutionInput({ ...object, etag: '"abc"' })).toEqual({ ...object, etag: 'abc' });
  });

  it.each([
    [{ bucket: 'uploads' }, '"key" is missing'],
    [{ key: 'k' }, '"bucket" is missing'],
    [{}, '"bucket" is missing; "key" is missing'],
    [{ ...object, kye: 'x' }, '"kye" is not a known field'],
    [{ ...object, sequencer: '00A1' }, '"sequencer" is not a known field'],
    [{ ...object, bucket: 5 }, '"bucket" must be string, not 5'],
    [{ ...object, key: null }, '"key" must be string, not null'],
    [{ ...object, key: '' }, '"key" must not be empty'],
    [{ ...object, key: 'photos/' }, '"key" must not end in "/", which marks a folder'],
    [{ ...object, key: '猫'.repeat(342) }, '"key" must be at most 1024 bytes long'],
    [{ ...object, versionId: '' }, '"versionId" must not be empty'],
    [{ ...object, versionId: null }, '"versionId" must be string, not null'],
    [{ ...object, etag: ['abc'] }, '"etag" must be string, not Array'],
    [{ ...object, etag: '""' }, '"etag" must not be empty'],
    [{ imageUrl: url.imageUrl }, '"resultKey" is missing'],
    [{ resultKey: 'cat.jpg' }, '"imageUrl" is missing'],
    [{ ...url, imageUrl: '/cat.jpg' }, '"imageUrl" must be an https URL'],
    [{ ...url, imageUrl: 'data:image/png;base64,AAAA' }, '"imageUrl" must be an https URL'],
    [{ ...url, imageUrl: 'https://' }, '"imageUrl" must be an https URL'],
    [{ ...url, imageUrl: 'https:///cat.jpg' }, '"imageUrl" must name a host behind "https://"'],
    [{ ...url, imageUrl: 'https:/cat.jpg' }, '"imageUrl" must name a host'],
    [{ ...url, imageUrl: 'https:cat.jpg' }, '"imageUrl" must name a host'],
    [
      { ...url, imageUrl: `https://example.com/${'a'.repeat(8_192)}` },
      '"imageUrl" must be at most 8192 characters long',
    ],
    [{ ...url, imageUrl: 'ftp://example.com/cat.jpg' }, '"imageUrl" must be an https URL'],
    [{ ...url, imageUrl: 'https://me:secret@example.com/a.jpg' }, '"imageUrl" must not hold a user or a password'],
    [{ ...url, imageUrl: 'https://secret@example.com/a.jpg' }, '"imageUrl" must not hold a user or a password'],
    [{ ...url, imageUrl: 'https://example.com:25/a.jpg' }, '"imageUrl" must not name the port 25, which fetch refuses'],
    [{ ...url, imageUrl: 'https://example.com:6000/' }, '"imageUrl" must not name the port 6000'],
    [{ ...url, imageUrl: [url.imageUrl] }, '"imageUrl" must be string, not Array'],
    [{ ...url, resultKey: 'cats/' }, '"resultKey" must not end in "/"'],
    [{ ...url, resultKey: 'k'.repeat(1025) }, '"resultKey" must be at most 1024 bytes long'],
    [{ ...url, bucket: 'uploads' }, '"bucket" is not a known field'],
    [{ ...object, resultKey: 'cat.jpg' }, '"imageUrl" is missing; "bucket" is not a known field'],
  ])('like %j is refused, and the field is named', (input, said) => {
    const message = refusalOf(parseExecutionInput, input);
    expect(message).toContain(`The execution input is wrong: ${said}`);
    expect(message).toContain('Start the execution with {"bucket", "key"}');
    expect(message).not.toContain('secret');
  });

  it.each([null, undefined, 'photos/cat.jpg', 5, true])('that is %j is refused: it must be an object', (input) => {
    expect(refusalOf(parseExecutionInput, input)).toContain('it must be a JSON object');
  });

  it('that is a list is refused', () => {
    expect(refusalOf(parseExecutionInput, [])).toContain('"bucket" is missing');
    expect(refusalOf(parseExecutionInput, [object])).toContain('is wrong');
  });
});

describe("an execution's state", () => {
  const job: Job = {
    execution: 'cat-0123',
    source: { ...object, versionId: 'v1', etag: 'abc' },
    submission: 2,
    submissionId: 'cat-0123#2',
    requestId: 'bria-rmbg-2-0-682_019d',
    submittedAt: '2026-03-31T10:00:00.000Z',
    status: 'COMPLETED',
    waitSeconds: 5,
    mediaUrls: ['https://pub-1.r2.dev/output.png'],
    completedAt: '2026-03-31T10:00:15.000Z',
  };

  it('comes through JSON as it was', () => {
    expect(parseJob(JSON.parse(JSON.stringify(job)))).toEqual(job);
  });

  it('may have a URL for a source, and no submission yet', () => {
    const { mediaUrls: _, completedAt: __, ...rest } = job;
    const superseded = {
      ...rest,
      requestId: null,
      source: { imageUrl: url.imageUrl },
      givenKey: 'cat',
      status: 'SUPERSEDED',
    };
    expect(parseJob(superseded)).toEqual(superseded);
  });

  it('names the key of the result where its source is a URL', () => {
    expect(() => parseJob({ ...job, source: { imageUrl: url.imageUrl } })).toThrow('"givenKey" is missing');
  });

  it('may have fields of a later release', () => {
    expect(parseJob({ ...job, later: true })).toEqual(job);
  });

  it.each([
    ['requestId', '..'],
    ['requestId', 'a/b'],
    ['submission', 0],
    ['submission', 1.5],
    ['submittedAt', 'yesterday'],
    ['status', ''],
    ['source', {}],
    ['mediaUrls', 'https://pub-1.r2.dev/output.png'],
    ['completedAt', 'yesterday'],
  ])('is refused for its %s of %j', (field, value) => {
    expect(refusalOf(parseJob, { ...job, [field]: value })).toContain(`"${field}" `);
  });

  it('is refused if it is the input of an execution', () => {
    expect(refusalOf(parseJob, object)).toContain('"execution" is missing');
  });

  it('is told from an input of the same looks by the name of the execution', () => {
    expect(isJobOf('cat-0123', job)).toBe(true);
    expect(isJobOf('dog-4567', job)).toBe(false);
    expect(isJobOf('cat-0123', object)).toBe(false);
    expect(isJobOf('cat-0123', [job])).toBe(false);
    expect(isJobOf('cat-0123', null)).toBe(false);
  });
});

describe('a source as it may be published', () => {
  it('has of an image URL neither query nor fragment nor user', () => {
    const imageUrl = 'https://user:password@example.com:8443/a/cat.jpg?X-Amz-Signature=secret#part';
    expect(publicSource({ imageUrl })).toEqual({ imageUrl: 'https://example.com:8443/a/cat.jpg' });
  });

  it('is still recognized if it was no web address', () => {
    expect(publicSource({ imageUrl: 's3://bucket/cat.jpg?versionId=1' })).toEqual({ imageUrl: 's3://bucket/cat.jpg' });
  });

  it('is an object as it is', () => {
    expect(publicSource({ ...object, versionId: 'v1' })).toEqual({ ...object, versionId: 'v1' });
  });
});
