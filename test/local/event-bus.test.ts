import { describe, expect, it } from 'vitest';
import { EventBus } from '../../local/event-bus.ts';
import { inputOf } from '../../local/event-target.ts';

const event = {
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: { object: { key: 'photos/Cat.JPG', size: 3 }, tags: ['new', 'raw'], note: 'say "hi"', code: 'a*.b' },
};

function isDelivered(detail: unknown): boolean {
  const bus = new EventBus();
  let delivered = false;
  bus.addRule({ source: ['aws.s3'], detail }, () => (delivered = true));
  bus.put(event);
  return delivered;
}

describe('a pattern', () => {
  it.each<[what: string, pattern: unknown, elsewhere: unknown]>([
    ['a value', ['photos/Cat.JPG'], ['photos/cat.jpg']],
    ['one of several values', ['other', 'photos/Cat.JPG'], []],
    ['a prefix', [{ prefix: 'photos/' }], [{ prefix: 'Photos/' }]],
    ['a suffix, whatever its case', [{ suffix: { 'equals-ignore-case': '.jpg' } }], [{ suffix: '.jpg' }]],
    ['a prefix, whatever its case', [{ prefix: { 'equals-ignore-case': 'PHOTOS/' } }], [{ prefix: 'PHOTOS/' }]],
    ['a text, whatever its case', [{ 'equals-ignore-case': 'PHOTOS/cat.jpg' }], [{ 'equals-ignore-case': 'cat.jpg' }]],
    ['wildcards', [{ wildcard: 'pho*/*.JPG' }], [{ wildcard: '*.JP' }]],
    ['a wildcard that is a plain star', [{ wildcard: 'photos/*' }], [{ wildcard: 'photos/\\*' }]],
    ['anything but a value', [{ 'anything-but': 'x' }], [{ 'anything-but': 'photos/Cat.JPG' }]],
    ['anything but some values', [{ 'anything-but': ['x', 'y'] }], [{ 'anything-but': ['x', 'photos/Cat.JPG'] }]],
    [
      'anything but some prefixes',
      [{ 'anything-but': { prefix: ['x/', 'y/'] } }],
      [{ 'anything-but': { prefix: ['x/', 'photos/'] } }],
    ],
    [
      'anything but a wildcard',
      [{ 'anything-but': { wildcard: '*.png' } }],
      [{ 'anything-but': { wildcard: 'photos/*' } }],
    ],
    ['what is there', [{ exists: true }], [{ exists: false }]],
  ])('matches %s, and nothing else', (_, pattern, elsewhere) => {
    expect(isDelivered({ object: { key: pattern } })).toBe(true);
    expect(isDelivered({ object: { key: elsewhere } })).toBe(false);
  });

  it('matches numbers within bounds, stars that are meant, elements of lists, and fields that are missing only where it says so', () => {
    expect(isDelivered({ object: { size: [{ numeric: ['>', 0, '<=', 3] }] } })).toBe(true);
    expect(isDelivered({ object: { size: [{ numeric: ['>', 3] }] } })).toBe(false);
    expect(isDelivered({ code: [{ wildcard: 'a\\*.*' }] })).toBe(true);
    expect(isDelivered({ tags: ['raw'] })).toBe(true);
    expect(isDelivered({ object: { version: [{ exists: false }] } })).toBe(true);
    expect(isDelivered({ object: { version: [{ 'anything-but': 'x' }] } })).toBe(false);
  });
});

describe('the input of a target', () => {
  const delivered = { id: '1', ...event };

  it('is the event, a part of it, or a constant', () => {
    expect(JSON.parse(inputOf({}, delivered))).toEqual(delivered);
    expect(inputOf({ InputPath: '$.detail.tags[1]' }, delivered)).toBe('"raw"');
    expect(inputOf({ Input: '{"a":1}' }, delivered)).toBe('{"a":1}');
  });

  it('is what a template makes of it, with values as JSON and within texts', () => {
    const InputPathsMap = { key: '$.detail.object.key', note: '$.detail.note', size: '$.detail.object.size' };
    const InputTemplate = '{"key":<key>,"size":<size>,"note":<note>,"text":"<key> is <size> B: <note>","v":<none>}';
    expect(JSON.parse(inputOf({ InputTransformer: { InputPathsMap, InputTemplate } }, delivered))).toEqual({
      ...{ key: 'photos/Cat.JPG', size: 3, note: 'say "hi"', v: '' },
      text: 'photos/Cat.JPG is 3 B: say "hi"',
    });
  });
});
