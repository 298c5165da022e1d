/**
 * Ports that fetch refuses, by the Fetch Standard (https://fetch.spec.whatwg.org/#port-blocking): other protocols listen
 * there, and no image is served from them.
 */
const BLOCKED_PORTS = new Set(
  (
    '0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 ' +
    '135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 ' +
    '995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080'
  )
    .split(' ')
    .map(Number),
);

/** Longest image URL, in characters: what web servers commonly take. */
const MAX_LENGTH = 8_192;

/** Why a text cannot be an image URL, to follow its name; undefined if it can. Whether http will do, Submit decides. */
export function whyNoImageUrl(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `must be at most ${MAX_LENGTH} characters long`;
  const url = URL.parse(text);
  if (!/^https?:$/.test(url?.protocol ?? '')) return 'must be an https URL';
  // A parser takes the first part of the path for the host where there is none, as a template with a gap makes it.
  if (!/^\s*https?:[\\/]{2}[^\\/]/i.test(text)) return 'must name a host behind "https://"';
  if (url?.username || url?.password) return 'must not hold a user or a password';
  if (isBlockedPort(url?.port)) return `must not name the port ${url?.port}, which fetch refuses`;
  return undefined;
}

/** Whether fetch refuses a port, as a URL has it: empty for the protocol's own. */
export function isBlockedPort(port = ''): boolean {
  return port !== '' && BLOCKED_PORTS.has(Number(port));
}

/**
 * An image URL as it is looked at, submitted and published: without the newline, blanks and backslashes that a URL parser
 * takes, and without a fragment, which no server gets.
 */
export function normalized(text: string): string {
  const url = new URL(text);
  url.hash = '';
  return url.href;
}
