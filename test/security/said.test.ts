import { describe, expect, it } from 'vitest';
import { API_KEY } from './hostile.ts';
import { leaks, type Said } from './said.ts';

describe('the search for secrets', () => {
  const secrets = { 'the API key': [API_KEY] };
  const innocent: Said = { where: 'log', text: '{"message":"X-Amz-Signature=[redacted] of a planted tree"}' };

  it.each([
    ['as it is', API_KEY],
    ['as it stands in a URL', encodeURIComponent(API_KEY)],
    ['in Base64', Buffer.from(API_KEY).toString('base64')],
  ])('finds a secret %s, and says where', (_, form) => {
    const said: Said[] = [innocent, { where: 'object', text: `a.error.json {"cause":"with ${form}"}` }];
    expect(leaks(said, secrets)).toEqual(['the API key in: object']);
  });

  it.each(['https://a.example/?X-Amz-Signature=0', 'x-amz-credential%3D0', 'X-Amz-Security-Token=0'])(
    'finds %s, whoever signed it',
    (text) => {
      expect(leaks([innocent, { where: 'state', text }], {})).toEqual(['a presigned URL in: state']);
    },
  );

  it('finds nothing where nothing is', () => {
    expect(leaks([innocent], secrets)).toEqual([]);
  });
});
