import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Debian and others put it. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this machine, for tests of the page and pictures of it. @default - there is none */
export const CHROMIUM = [process.env.CHROMIUM, ...PLACES].find((path) => path !== undefined && existsSync(path));

/** Starts the browser of this machine, without a window. It asks nobody for anything by itself. */
export function startChromium(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('There is no chromium. On Debian: apt-get install chromium');
  // As root, as in a container, it does not start with its sandbox.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];
  return chromium.launch({ executablePath: CHROMIUM, args });
}
