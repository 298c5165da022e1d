import type { World } from '../../local/simulation/world.ts';

/**
 * Looks for secrets in log lines and in what executions know of themselves: API keys, what makes a presigned URL a
 * capability, what a callback's path holds, and the tokens of waiting states.
 *
 * @param leaks Where each secret that was seen is noted.
 * @returns what looks elsewhere
 */
export function watchForSecrets(
  world: World,
  apiKeys: string[],
  leaks: string[],
): { look: (where: string, text: string) => void } {
  const secrets = new Set([...apiKeys, 'X-Amz-']);
  const look = (where: string, text: string) => {
    const at = Math.max(...Array.from(secrets, (secret) => text.indexOf(secret)));
    if (at >= 0) leaks.push(`${where}: …${text.slice(Math.max(0, at - 100), at + 20)}…`);
  };
  world.on('item', ({ capability, taskToken }) => {
    for (const secret of [capability, taskToken]) if (secret !== undefined) secrets.add(secret);
  });
  world.on('history', ({ name }, event) => look(`the history of ${name}`, JSON.stringify(event)));
  world.on('log', (text) => look('the log', String(text)));
  return { look };
}
