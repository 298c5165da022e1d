/** Longest text of somebody else's that is quoted in a message, in characters. */
const MAX_QUOTED = 300;

/**
 * Somebody else's text, fit to stand in our messages: presigned URLs and webhook addresses are capabilities, so every
 * URL goes; control characters and length are tamed.
 */
export function redact(text: string): string {
  const clean = text
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi, '[url]')
    .replace(/X-Amz-[A-Za-z-]+=[^\s&"']+/g, '[redacted]')
    .replace(/\p{Cc}+/gu, ' ');
  return clean.length > MAX_QUOTED ? `${clean.slice(0, MAX_QUOTED)}…` : clean;
}

/** A URL without what may be secret in it: user, query and fragment. */
export function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
