import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Feed, type Message } from '../../../local/page/feed.ts';

/** What the page shows. */
let shown: Message[] = [];
let feed: Feed;
beforeEach(() => {
  feed = new Feed(() => shown);
});
afterEach(() => feed.close());

const row = (id: string, content: string): Message => ({ event: 'row', id, content });

/** A window of a browser. @returns what has been sent to it */
function open(): () => string[] {
  const received: string[] = [];
  const response = Object.assign(new EventEmitter(), {
    writeHead: () => response,
    write: (text: string) => received.push(...(/^data: "(.*)"$/m.exec(text)?.slice(1) ?? [])),
  });
  feed.listen(response as unknown as ServerResponse);
  return () => received;
}

describe('what is told to the windows of browsers', () => {
  it('is all that is shown when a window opens, and then what has changed', () => {
    shown = [row('a', 'a runs'), row('b', 'b runs')];
    const received = open();
    shown = [row('a', 'a runs'), row('b', 'b is delivered')];
    feed.update();
    expect(received()).toEqual(['a runs', 'b runs', 'b is delivered']);
  });

  it('is not, to a window that opens later, what is shown no more', () => {
    shown = [row('a', 'a runs')];
    const first = open();
    shown = [row('b', 'b runs')];
    const second = open();
    expect(first()).toEqual(['a runs', 'b runs']);
    expect(second()).toEqual(['b runs']);
  });
});
