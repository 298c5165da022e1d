import type { Answer } from '../gateway/behaviour.ts';

/** A gateway that quotes in its errors what it was told, capabilities included. */
export function careless(answer: Answer, about: string): Answer {
  const body = answer.body as { error?: unknown } | string | undefined;
  const isError = typeof body === 'object' && typeof body.error === 'string';
  return isError ? { ...answer, body: { ...body, error: `${body.error}: ${about}` } } : answer;
}

export function responseOf({ status, body = '', headers }: Answer): Response {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  const length = String(Buffer.byteLength(text));
  return new Response(text, { status, headers: { 'content-type': type, 'content-length': length, ...headers } });
}

export async function broken(code: string): Promise<never> {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}

export function cutStream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let isFirst = true;
  return new ReadableStream({
    pull(controller) {
      if (isFirst) controller.enqueue(new Uint8Array(bytes));
      else controller.error(new TypeError('terminated', { cause: new Error('other side closed') }));
      isFirst = false;
    },
  });
}
