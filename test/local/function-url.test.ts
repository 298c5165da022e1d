import { expect, it, onTestFinished } from 'vitest';
import { serveFunctionUrl } from '../../local/function-url.ts';

it.each<[string, object, string, string]>([
  [
    'text',
    { body: 'füße', headers: { 'content-type': 'text/plain' } },
    'text/plain',
    Buffer.from('füße').toString('hex'),
  ],
  ['bytes', { body: '/wD+', isBase64Encoded: true, headers: { 'content-type': 'image/png' } }, 'image/png', 'ff00fe'],
])(
  'a function URL answers with the status, the headers and the %s that its function returns',
  async (_, part, type, hex) => {
    const { url, close } = await serveFunctionUrl(async () => ({ statusCode: 203, ...part }));
    onTestFinished(close);
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([203, type]);
    expect(Buffer.from(await answer.arrayBuffer()).toString('hex')).toBe(hex);
  },
);

it('a function URL answers 200 without a body where its function returns nothing more', async () => {
  const { url, close } = await serveFunctionUrl(async () => ({}));
  onTestFinished(close);
  const answer = await fetch(url);
  expect([answer.status, await answer.text()]).toEqual([200, '']);
});
