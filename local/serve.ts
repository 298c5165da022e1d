import { LocalCloud } from './cloud.ts';
import { main } from './main.ts';
import { type LocalOptions, readOptions, WrongArgument } from './options.ts';
import { PageServer } from './page/server.ts';
import { Shortening } from './page/shorten.ts';
import { Printer } from './printer.ts';
import { commandsFor } from './ready-commands.ts';

await main(async () => {
  const options = readOptions('local', process.argv.slice(2));
  if ('usage' in options) console.log(options.usage);
  else await serve(options);
});

/** Keeps the stack up until Ctrl-C. */
async function serve({ settings, existingBuckets, port }: LocalOptions): Promise<void> {
  const shortening = new Shortening();
  const printer = new Printer();
  const cloud: LocalCloud = await LocalCloud.start({
    ...{ settings, existingBuckets },
    shorten: shortening.shorten,
    onHistory: printer.history,
    onWait: printer.wait,
    onStored: ({ bucket, key }) => {
      if (bucket === cloud.resultsBucket) printer.stored(bucket, key);
    },
  });
  printer.noteOf = (requestId) => cloud.gateway.noteOf(requestId);
  const page = await PageServer.start(cloud, { shortening, settings, port }).catch((error) => {
    if (error.code !== 'EACCES') throw error;
    throw new WrongArgument(`You may not listen on port ${port}: choose one from 1024 on by --port.`);
  });
  const key = `${settings.uploadsPrefix ?? ''}cat.jpg`;
  const [first, ...others] = commandsFor(cloud, { pageUrl: page.url, key });
  console.log('The stack is up on this machine, with a simulator of the gateway: it is not RMBG 2.0.\n');
  console.log(`Its page, to drop images on: ${page.url}\n`);
  console.log(`${first?.title}:\n\n${indented(first?.command)}\n\nThen:\n`);
  for (const { title, command } of others) console.log(`  # ${title}\n${indented(command)}\n`);
  console.log(`What happens is told here. Waits of more than 12 s are shortened, unless the page says not to.`);
  console.log('Ctrl-C ends it all.\n');

  const stop = async () => {
    console.log('Stopping.');
    await page.close();
    await cloud.close();
    process.exit(0);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

function indented(text = ''): string {
  return text.replace(/^/gm, '  ');
}
