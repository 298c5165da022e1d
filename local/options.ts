import { parseArgs } from 'node:util';
import { App } from 'aws-cdk-lib';
import { readSettings } from '../infra/settings/context.ts';
import type { Settings } from '../infra/settings/table.ts';
import type { CloudOptions } from './cloud.ts';

/** Where the page of a local run is, unless another port is asked for, or this one is taken. */
const DEFAULT_PORT = 4280;

const SETTINGS_USAGE = `
Settings are those of docs/settings.md. Buckets that they name are made here, empty. gatewayUrl and resultHosts are the
simulator's; alarmEmail, removal and the KMS keys change nothing here.
`;

const USAGE = {
  start: `Removes the background of images through the whole pipeline on this machine, and stores the cutouts in out/.

  npm start                                two sample images
  npm start -- a.jpg b.png photos/         these files, and all images in this folder and those below it
  npm start -- --webhook                   the gateway calls back instead of being polled
  npm start -- -c expectedSeconds=2 …      with a setting, as \`cdk deploy\` takes it; again for each further one
${SETTINGS_USAGE}`,
  local: `Runs the whole stack on this machine, with a simulator of the gateway, until Ctrl-C.

  npm run local
  npm run local -- --webhook               the gateway calls back instead of being polled
  npm run local -- --port 8080             where its page is (default: ${DEFAULT_PORT}); the next free port if this one is taken
  npm run local -- -c uploadsPrefix=in/    with a setting, as \`cdk deploy\` takes it; again for each further one
${SETTINGS_USAGE}`,
};

/** What was asked for cannot be done; the message says why, and the usage what can be given. */
export class WrongArgument extends Error {}

/** What a local run is asked for. */
export interface LocalOptions {
  /** As given, and found to be usable; what is not given is not in it. */
  settings: Record<string, unknown>;
  existingBuckets: NonNullable<CloudOptions['existingBuckets']>;
  /** The first port to try for the page. */
  port: number;
  /** Of `npm start`: files and folders. */
  files: string[];
}

/**
 * Reads the arguments of `npm start` or `npm run local`.
 *
 * @returns the usage if that is what is asked for
 * @throws WrongArgument; SettingError for a setting; what `parseArgs` throws for unknown options
 */
export function readOptions(command: keyof typeof USAGE, args: string[]): LocalOptions | { usage: string } {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: command === 'start',
    options: {
      context: { type: 'string', short: 'c', multiple: true, default: [] },
      webhook: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      ...(command === 'local' && { port: { type: 'string', default: String(DEFAULT_PORT) } }),
    },
  });
  if (values.help) return { usage: USAGE[command] };
  const settings = settingsIn(values.context, values.webhook);
  return {
    settings,
    existingBuckets: existingBuckets(readSettings(new App({ context: settings }).node)),
    port: portIn(String(values.port ?? DEFAULT_PORT)),
    files: positionals,
  };
}

function settingsIn(context: string[], webhook: boolean): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const each of context) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(each) ?? [];
    if (name === undefined || value === undefined) throw new WrongArgument(`-c takes name=value, not "${each}".`);
    if (name === 'gatewayUrl' || name === 'resultHosts') {
      throw new WrongArgument(`${name} is the simulator's on this machine: drop it.`);
    }
    settings[name] = value;
  }
  if (webhook && settings.webhook === 'false') throw new WrongArgument('Give either --webhook or -c webhook=false.');
  return webhook ? { ...settings, webhook: 'true' } : settings;
}

/** Buckets that exist before the stack, as its settings say; the uploads bucket tells EventBridge what comes. */
function existingBuckets({ uploadsBucket, resultsBucket }: Settings): LocalOptions['existingBuckets'] {
  const names = [uploadsBucket, resultsBucket].filter((name) => name !== undefined);
  return Object.fromEntries(names.map((name) => [name, { versioned: true, eventBridge: name === uploadsBucket }]));
}

function portIn(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new WrongArgument(`--port must be a whole number from 1 to 65535, not "${text}".`);
}
