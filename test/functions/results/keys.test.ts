import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorKey, executionName, mediumKey, type Prefixes, resultKey } from '../../../functions/results/keys.ts';

const NO_PREFIXES: Prefixes = { uploadsPrefix: '', resultsPrefix: '' };
const HASH = '0123456789abcdef0123456789abcdef';

/** Keys as S3 allows them, many of them like those that results get. */
const key = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', 'b', '/', '.png', '.parts/', '2', '10', '~', HASH, '.error.json', 'é', '猫', '🐈'),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.nat({ max: 600 }).map((length) => '猫'.repeat(length)),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((pieces) => pieces.join(''))
  .filter((text) => text !== '' && Buffer.byteLength(text) <= 1024);

/** Everything that may ever be stored for a source, more media than any job has included. */
function allKeys(result: string): string[] {
  const media = ['png', 'jpg', 'webp'].flatMap((first) =>
    [1, 2, 3, 10].flatMap((n) => ['png', 'jpg'].map((own) => mediumKey(result, first, n, n === 1 ? first : own))),
  );
  return [...media, errorKey(result)];
}

describe('the name of an execution', () => {
  const version = { bucket: 'uploads', key: 'photos/My cat.jpg', versionId: 'v1', etag: 'e1', sequencer: '00A1' };

  it('begins with the readable part of the key', () => {
    expect(executionName(version)).toMatch(/^photos-My-cat-jpg-[0-9a-f]{32}$/);
  });

  it('is the same for the same upload, however often its event comes', () => {
    expect(executionName({ ...version })).toBe(executionName(version));
    expect(executionName({ bucket: 'b', key: 'k', versionId: undefined })).toBe(
      executionName({ bucket: 'b', key: 'k' }),
    );
  });

  it.each([
    { bucket: 'others' },
    { key: 'photos/my cat.jpg' },
    { key: 'photos/My-cat.jpg' },
    { key: 'photos/My cat.jpg ' },
    { versionId: 'v2' },
    { versionId: undefined },
  ])('is another one for an upload with another %j', (difference) => {
    expect(executionName({ ...version, ...difference })).not.toBe(executionName(version));
  });

  it('is known to whoever knows the version, without the event', () => {
    expect(executionName({ ...version, etag: undefined, sequencer: undefined })).toBe(executionName(version));
  });

  it.each([undefined, 'null'])('tells uploads apart by ETag and sequencer where the version is %s', (versionId) => {
    const unversioned = { ...version, versionId };
    for (const difference of [{ etag: 'e2' }, { sequencer: '00A2' }, { sequencer: undefined }]) {
      expect(executionName({ ...unversioned, ...difference })).not.toBe(executionName(unversioned));
    }
  });

  it('is readable as an image where nothing of the key is', () => {
    expect(executionName({ bucket: 'b', key: '猫/🐈' })).toMatch(/^image-[0-9a-f]{32}$/);
    expect(executionName({ bucket: 'b', key: '猫' })).not.toBe(executionName({ bucket: 'b', key: '犬' }));
  });

  it('is at most 80 characters that AWS allows, for whatever key', () => {
    fc.assert(
      fc.property(key, fc.string(), (someKey, versionId) => {
        expect(executionName({ bucket: 'uploads', key: someKey, versionId })).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
      }),
    );
  });
});

describe('the key of a result', () => {
  it("is the source's, under the results prefix instead of the uploads prefix", () => {
    expect(resultKey('photos/cat.jpg', NO_PREFIXES)).toBe('photos/cat.jpg');
    expect(resultKey('in/photos/cat.jpg', { uploadsPrefix: 'in/', resultsPrefix: 'out/' })).toBe('out/photos/cat.jpg');
    expect(resultKey('in/in/cat.jpg', { uploadsPrefix: 'in/', resultsPrefix: '' })).toBe('in/cat.jpg');
  });

  it('keeps unicode, spaces and dots as they are', () => {
    expect(resultKey('猫/my cat.v2.jpg', NO_PREFIXES)).toBe('猫/my cat.v2.jpg');
  });

  it('ends in a hash where the source has the longest key there is', () => {
    const result = resultKey('k'.repeat(1024), NO_PREFIXES);
    expect(result).toMatch(/^k+~[0-9a-f]{32}$/);
    expect(result).not.toBe(resultKey(`${'k'.repeat(1023)}l`, NO_PREFIXES));
  });

  it('is cut between characters, never within one', () => {
    // Shifted by one byte each time, so that the cut falls on every byte of a four-byte character.
    for (const shift of ['', 'a', 'ab', 'abc']) {
      const result = resultKey(shift + '🐈'.repeat(255), NO_PREFIXES);
      expect(result).toMatch(/^[abc]*🐈+~[0-9a-f]{32}$/u);
      expect(result).not.toContain('\ufffd');
    }
  });

  it('differs from that of a further medium, and from one that was hashed', () => {
    const long = 'k'.repeat(1024);
    const further = mediumKey('a', 'png', 2, 'png').slice(0, -'.png'.length);
    expect(further).toBe('a.png.parts/2');
    expect(resultKey(further, NO_PREFIXES)).not.toBe(further);

    const hashed = resultKey(long, NO_PREFIXES);
    expect(resultKey(hashed, NO_PREFIXES)).not.toBe(hashed);
  });

  it('is never shared by two sources, nor is anything else that is stored for them', () => {
    fc.assert(
      fc.property(key, key, fc.boolean(), (one, other, aimed) => {
        const result = resultKey(one, NO_PREFIXES);
        // The other source may aim at what is stored for the first one.
        const rivals = aimed ? [result, ...allKeys(result).map((stored) => stored.replace(/\.\w+$/, ''))] : [other];
        const stored = new Set(allKeys(result));
        for (const rival of rivals) {
          if (rival === one || Buffer.byteLength(rival) > 1024) continue;
          expect(allKeys(resultKey(rival, NO_PREFIXES)).filter((theirs) => stored.has(theirs))).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("stays within S3's 1,024 bytes, the longest suffix included", () => {
    fc.assert(
      fc.property(key, fc.string({ unit: 'binary', maxLength: 50 }), (someKey, resultsPrefix) => {
        const result = resultKey(`in/${someKey}`, { uploadsPrefix: 'in/', resultsPrefix });
        for (const suffixed of [mediumKey(result, 'jpeg', 99_999, 'jpeg'), errorKey(result)]) {
          expect(Buffer.byteLength(suffixed)).toBeLessThanOrEqual(1024);
        }
        expect(result.startsWith(resultsPrefix)).toBe(true);
      }),
    );
  });
});

describe('what is stored for a result', () => {
  it('is the first medium with its true extension', () => {
    expect(mediumKey('photos/cat.jpg', 'png', 1, 'png')).toBe('photos/cat.jpg.png');
  });

  it('is each further medium beneath the first', () => {
    expect(mediumKey('photos/cat.jpg', 'png', 2, 'webp')).toBe('photos/cat.jpg.png.parts/2.webp');
  });

  it('is, failing that, an error file', () => {
    expect(errorKey('photos/cat.jpg')).toBe('photos/cat.jpg.error.json');
  });
});
