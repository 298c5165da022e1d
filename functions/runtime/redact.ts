/** Longest text of somebody else's that is quoted in a message, in characters. */
const MAX_QUOTED = 300;

/**
 * Somebody else's text, fit to stand in our messages: presigned URLs and webhook addresses are capabilities, so every
 * URL goes; control characters and length are tamed.
 */
export function redact(text: string): string {
  const clean = text
    // A URL may come percent-encoded, or with JSON's escaped slashes, and may have an apostrophe in it. Names are
    // limited because searching a long text for ever longer ones would take minutes.
    .replace(/[a-z][a-z0-9+.-]{0,30}(?::|%3a)(?:\\?\/|%2f){2}[^\s"<>]+/gi, '[url]')
    .replace(/X-Amz-[a-z-]{1,40}(?:=|%3d)[^\s&"']+/gi, '[redacted]')
    .replace(/\p{Cc}+/gu, ' ');
  return clean.length > MAX_QUOTED ? `${clean.slice(0, MAX_QUOTED)}…` : clean;
}

/** A URL without what may be secret in it: user, query and fragment. */
export function withoutQuery(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
