import { describe, expect, it } from 'vitest';
import { deleteErrorFile, isErrorOf, readErrorFile } from '../../../functions/results/error-file.ts';
import { PNG } from '../../pictures.ts';
import { PLAIN, startS3, VERSIONED } from '../s3.ts';

describe('the error file of an earlier failure', () => {
  it('is deleted', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'photos/cat.jpg.error.json', Buffer.from('{}'));
    s3.put(PLAIN, 'photos/cat.jpg.png', PNG);
    await deleteErrorFile(client, { bucket: PLAIN, resultKey: 'photos/cat.jpg' }, async () => false);

    expect(s3.list(PLAIN)).toEqual(['photos/cat.jpg.png']);
  });

  it('leaves no delete marker where there is none', async () => {
    const { s3, client } = await startS3();
    await deleteErrorFile(client, { bucket: VERSIONED, resultKey: 'photos/cat.jpg' }, async () => false);
    expect(s3.versions(VERSIONED, 'photos/cat.jpg.error.json')).toEqual([]);
  });

  it('stays if the source has been overwritten: it is about the newer upload', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from('{}'));
    await deleteErrorFile(client, { bucket: PLAIN, resultKey: 'cat.jpg' }, async () => true);
    expect(s3.list(PLAIN)).toEqual(['cat.jpg.error.json']);
  });

  it('stays if another one takes its place at the last moment', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from('{"of": "this upload"}'));
    await deleteErrorFile(client, { bucket: PLAIN, resultKey: 'cat.jpg' }, async () => {
      s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from('{"of": "a newer upload"}'));
      return false;
    });
    expect(s3.get(PLAIN, 'cat.jpg.error.json')?.body.toString()).toContain('newer');
  });

  it('is deleted once, also where it stays as an older version', async () => {
    const { s3, client } = await startS3();
    s3.put(VERSIONED, 'photos/cat.jpg.error.json', Buffer.from('{}'));
    await deleteErrorFile(client, { bucket: VERSIONED, resultKey: 'photos/cat.jpg' }, async () => false);
    await deleteErrorFile(client, { bucket: VERSIONED, resultKey: 'photos/cat.jpg' }, async () => false);

    const versions = s3.versions(VERSIONED, 'photos/cat.jpg.error.json');
    expect(versions.map(({ deleteMarker }) => deleteMarker)).toEqual([true, false]);
  });
});

describe('reading an error file', () => {
  const place = { bucket: PLAIN, resultKey: 'cat.jpg' };
  const content = { error: 'RemovalFailed', cause: 'why', execution: 'cat-0123', source: { etag: 'e1' } };

  it('tells its error, its execution and what it is about', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from(JSON.stringify(content)));
    expect(await readErrorFile(client, place)).toEqual({
      error: 'RemovalFailed',
      execution: 'cat-0123',
      source: { etag: 'e1' },
    });
  });

  it.each([
    ['there is none', undefined],
    ['it is not JSON', 'not JSON'],
    ['it is cut off', JSON.stringify(content).slice(0, 20)],
    ['it is empty', ''],
    ['it is JSON of another kind', '[1, 2]'],
    ['it names an error that does not exist', JSON.stringify({ ...content, error: 'Unheard' })],
    ['it is longer than any', `${' '.repeat(70_000)}${JSON.stringify(content)}`],
  ])('finds none where %s', async (_why, body) => {
    const { s3, client } = await startS3();
    if (body !== undefined) s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from(body));
    expect(await readErrorFile(client, place)).toBeUndefined();
  });
});

describe('an error file', () => {
  const file = (source: object) => ({ error: 'RemovalFailed' as const, execution: 'cat-0123', source });

  it.each([
    [{ versionId: 'v2', etag: 'e1' }, true],
    [{ versionId: 'v1', etag: 'e1' }, false],
    [{ versionId: 'v2', etag: 'e0' }, false],
    [{ etag: 'e1' }, true],
    // Nobody knows which upload it was: a newer one must not be taken for it.
    [{}, false],
  ])('about %j is about the object of version v2 and ETag e1: %s', (source, expected) => {
    expect(isErrorOf(file(source), { versionId: 'v2', etag: 'e1' })).toBe(expected);
  });
});
