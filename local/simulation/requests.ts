import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';

/** As `fetch`, in simulated time. */
type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** `request` of `node:https`, as far as results are downloaded by it, on top of what answers in place of `fetch`. */
export function requestOn(fetch: Fetch): (url: URL, options: { headers: Record<string, string> }) => EventEmitter {
  return (url, { headers }) => {
    const request = new EventEmitter();
    const send = async () => {
      try {
        request.emit('response', messageOf(await fetch(url.href, { headers })));
      } catch (error) {
        request.emit('error', error instanceof Error && error.cause ? error.cause : error);
      }
    };
    return Object.assign(request, { end: () => void send() });
  };
}

function messageOf(response: Response): Readable {
  const headers = Object.fromEntries(response.headers);
  return Object.assign(Readable.from(bodyOf(response)), { statusCode: response.status, headers });
}

/** The body; what is shorter than its length is a connection that was lost. */
async function* bodyOf({ body, headers }: Response): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    yield chunk;
  }
  const length = headers.get('content-length');
  if (length !== null && bytes !== Number(length)) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}
